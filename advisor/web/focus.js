// Keys reach the app as soon as it is there, without a click into the page first.
window.addEventListener("load", () => {
  const observer = new MutationObserver(() => {
    if (document.body.classList.contains("-loaded")) {
      observer.disconnect();
      document.querySelector("#terminal textarea").focus();
    }
  });
  observer.observe(document.body, { attributeFilter: ["class"] });
});
