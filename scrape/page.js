// Reads a page of results. Selectors, texts and places come as data: see engine_file.py.

const all = (selectors) => selectors.flatMap((selector) => [...document.querySelectorAll(selector)]);

const visible = (element) => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
};

// The value of a place inside a result; null where there is none.
const valueAt = (root, place) => {
  const element = place.selector ? root.querySelector(place.selector) : root;
  if (!element) return null;
  const linked = ["src", "href"].includes(place.attribute); // as properties these are whole addresses
  let value = linked ? element[place.attribute] : element.getAttribute(place.attribute);
  if (place.keys.length && value !== null) {
    try {
      value = place.keys.reduce((part, key) => part?.[key], JSON.parse(value));
    } catch {
      return null;
    }
  }
  if (place.parameter && value) {
    try {
      value = new URL(value, location.href).searchParams.get(place.parameter);
    } catch {
      return null;
    }
  }
  return value === null || value === undefined || value === "" ? null : String(value);
};

const keyOf = (tile, place, index) => (place && valueAt(tile, place)) ?? `#${index}`;

// A button by selector, else by what is written on it; never one inside a result.
const button = (signs, tile) => {
  const outside = (element) => visible(element) && !(tile && element.closest(tile));
  const chosen = signs.selectors.flatMap((s) => [...document.querySelectorAll(s)]).find(outside);
  if (chosen || !signs.texts.length) return chosen ?? null;
  const buttons = new Map();
  for (const element of all(["button", "input[type=submit]", "input[type=button]", "[role=button]"])) {
    const label = (element.innerText || element.value || element.getAttribute("aria-label") || "").trim().toLowerCase();
    if (!buttons.has(label) && outside(element)) buttons.set(label, element);
  }
  return buttons.get(signs.texts.find((text) => buttons.has(text))) ?? null;
};

// Which sign is on the page, in words, or null.
const sign = (signs) => {
  const address = signs.addresses.find((part) => location.href.includes(part));
  if (address) return `the address ${location.origin}${location.pathname}`;
  const selector = signs.selectors.find((one) => all([one]).some(visible));
  return selector ? `${selector} on the page` : null;
};

// The same for texts: they may be a result's own words, or the query's, so that they count only where nothing else does.
const text = (signs) => {
  const words = (document.body?.innerText ?? "").slice(0, 20000).toLowerCase();
  const found = signs.texts.find((one) => words.includes(one));
  return found ? `"${found}" on the page` : null;
};

const statusOf = (kind, wanted) =>
  performance.getEntriesByType(kind).map((entry) => entry.responseStatus ?? 0).find(wanted) ?? 0;

// What the page is showing now.
const state = (engine) => {
  const tiles = engine.tile ? [...document.querySelectorAll(engine.tile)] : [];
  const refused = (status) => [403, 418, 429, 503].includes(status);
  const status = statusOf("navigation", refused);
  const last = tiles.length ? keyOf(tiles.at(-1), engine.key, tiles.length - 1) : "";
  return {
    signature: `${tiles.length} ${last}`,
    tiles: tiles.length,
    loaded: document.readyState === "complete",
    blocked: status ? `status ${status}` : sign(engine.blocked),
    suspect: tiles.length ? null : text(engine.blocked),
    throttled: performance
      .getEntriesByType("resource")
      .some((entry) => ["fetch", "xmlhttprequest"].includes(entry.initiatorType) && entry.responseStatus === 429),
    failed: statusOf("navigation", (one) => one >= 400),
    consent: button(engine.consent, engine.tile),
    nothing: tiles.length ? null : (sign(engine.nothing) ?? text(engine.nothing)),
    more: button(engine.more, engine.tile),
    address: location.href,
    began: performance.timeOrigin,
    unreachable:
      location.protocol === "chrome-error:" ? (document.body?.innerText.match(/ERR_[A-Z_]+/)?.[0] ?? "no reason given") : "",
  };
};

// Keys of all results in the order of the page.
const keys = (engine) => [...document.querySelectorAll(engine.tile)].map((tile, i) => keyOf(tile, engine.key, i));

const tileOf = (engine, key) =>
  [...document.querySelectorAll(engine.tile)].find((tile, i) => keyOf(tile, engine.key, i) === key) ?? null;

// The values of one result, with its attributes; null where it is gone.
const result = (engine, key) => {
  const tile = tileOf(engine, key);
  if (!tile) return null;
  const values = Object.fromEntries(Object.entries(engine.fields).map(([name, place]) => [name, valueAt(tile, place)]));
  values.attributes = Object.fromEntries([...tile.attributes].map((one) => [one.name, CSS.escape(one.value)]));
  return values;
};

// Click a result by script, where a true click was lost.
const clickResult = (engine, key) => {
  const target = clickable(engine, key);
  target?.click();
  return Boolean(target);
};

const clickable = (engine, key) => {
  const tile = tileOf(engine, key);
  const target = tile && engine.click ? tile.querySelector(engine.click) : tile;
  target?.scrollIntoView({ block: "center", behavior: "instant" });
  return target;
};

// Addresses that stand at places of the whole page; of those that name no result, the visible ones only.
const pictures = (places) =>
  places.map((place) =>
    [...document.querySelectorAll(place.selector)]
      .filter((element) => place.sure || visible(element))
      .map((element) => valueAt(element, { ...place, selector: "" }))
      .filter((value) => value !== null),
  );

// Pages load more when they are scrolled; at the very end already, there would be no scrolling.
const toTheEnd = async () => {
  window.scrollBy({ top: -300, behavior: "instant" });
  await new Promise((done) => setTimeout(done, 50));
  window.scrollTo({ top: document.documentElement?.scrollHeight ?? 0, behavior: "instant" });
};

// Ask for a JSON answer as the page itself would.
const answer = async (address) => {
  const reply = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  return { status: reply.status, text: await reply.text() };
};
