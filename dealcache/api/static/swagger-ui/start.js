// A file of its own, because the page's policy allows no inline script.
window.addEventListener("load", () => {
  const page = document.getElementById("swagger-ui");
  window.ui = SwaggerUIBundle({
    url: page.dataset.description,
    domNode: page,
    deepLinking: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
