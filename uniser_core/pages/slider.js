for (const slider of document.querySelectorAll(".ba input"))
  slider.addEventListener("input", () => slider.parentElement.style.setProperty("--pos", slider.value + "%"));
