# Varnish in front of the service.
vcl 4.1;

backend dealcache {
    .host = "$host";
    .port = "$port";
}

sub vcl_backend_response {
    # The service forbids shared caches; this one is told to keep its answers all the same.
    if (beresp.status == 200) {
        set beresp.ttl = 1d;
        return (deliver);
    }
}
