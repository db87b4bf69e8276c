(function () {
  var family = document.getElementById("family"), search = document.getElementById("search"), found = document.getElementById("found");
  var entries = Array.prototype.slice.call(document.querySelectorAll("#entries > .entry"));
  function filter() {
    var words = search.value.toLowerCase().split(/\s+/), n = 0;
    entries.forEach(function (e) {
      var fits = (!family.value || e.dataset.family === family.value) && words.every(function (w) { return e.dataset.text.indexOf(w) >= 0; });
      e.classList.toggle("unmatched", !fits);
      if (fits) n++;
    });
    found.textContent = n < entries.length ? n + " of " + entries.length : "";
  }
  family.addEventListener("change", filter);
  search.addEventListener("input", filter);
  document.getElementById("scripted").hidden = false;
  function open() { // a link to a hypothesis opens it
    var e = location.hash && document.getElementById(location.hash.slice(1));
    if (e && e.tagName === "DETAILS") e.open = true;
  }
  window.addEventListener("hashchange", open);
  open();
  filter();
})();
