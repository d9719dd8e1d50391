-- What every run of wrk is given: it tells its figures as one line of JSON, and, where BENCHMARK_TARGETS names a file
-- with a target on each line, it asks for one after the other as a browser would, each time under a new request id. The
-- first of BENCHMARK_USERS browsers asks for all of them, then the next one, and so on.

local names = os.getenv("BENCHMARK_TARGETS")

if names then
   -- With Host twelve header fields, as a web UI in a browser behind nginx sends them. No space behind the colon is as
   -- valid but unusual: the service then parses each request.
   local colon = os.getenv("BENCHMARK_PARSED") and ":" or ": "
   local fields = table.concat({
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
      "Accept: application/json, text/plain, */*", "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
      "Accept-Encoding: gzip, deflate, br, zstd", "Referer: https://deals.example.com/pipeline?stage=proposal",
      "X-Browser-ID: 7f6d1c0e-2a5b-4a0e-9c36-0d2f%08x", "X-Session-ID: 0c8f3b1d-6a41-4c57-b9f5-5a2f%08x",
      "Sec-Fetch-Dest: empty", "Sec-Fetch-Mode: cors", "Sec-Fetch-Site: same-origin",
      "X-Request-ID" .. colon }, "\r\n")
   local run = string.format("%08x%08x", os.time(), math.random(0, 0x7fffffff))
   local heads, browsers, sent = {}, {}, 0

   function init()
      local host = " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n"
      for target in io.lines(names) do
         heads[#heads + 1] = "GET " .. target .. host
      end
      for user = 1, tonumber(os.getenv("BENCHMARK_USERS")) do
         browsers[user] = string.format(fields, user, user)
      end
   end

   function request()
      sent = sent + 1
      local head, browser = heads[sent % #heads + 1], browsers[math.floor(sent / #heads) % #browsers + 1]
      return string.format("%s%s%s%016x\r\n\r\n", head, browser, run, sent)
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%.0f,"microseconds":%.0f,"bytes":%.0f,"p50":%.0f,"p99":%.0f,"p999":%.0f,' ..
      '"errors":{"connect":%.0f,"read":%.0f,"write":%.0f,"status":%.0f,"timeout":%.0f}}\n',
      summary.requests, summary.duration, summary.bytes,
      latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
      errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
