"use strict";
// Opened as a file, the page is let load nothing, its other scripts neither.
if (location.protocol === "file:") {
  document.getElementById("status").textContent =
    "Opened as a file, this page may not load its generator. Call `ganzoo play RUN`, or `python -m http.server` in this directory.";
}
