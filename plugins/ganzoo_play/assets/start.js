"use strict";
// Opened as a file, the page is let load nothing, its other scripts neither.
if (location.protocol === "file:") {
  document.getElementById("status").textContent =
    "A page opened as a file cannot load its generator. Run `ganzoo play RUN`, or `python -m http.server` in this directory.";
}
