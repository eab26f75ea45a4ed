import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import "@fontsource-variable/figtree/wght.css";
import "./reference.css";
import { currentKey } from "../api/key";

SwaggerUI({
  url: new URL("openapi.json", document.baseURI).href,
  domNode: document.getElementById("reference"),
  validatorUrl: null, // no badge of the online validator
  deepLinking: true,
  // The key that the studio was opened with.
  requestInterceptor: (request) => {
    const key = currentKey();
    if (key !== null) request.headers.Authorization ??= `Bearer ${key}`;
    return request;
  },
});
