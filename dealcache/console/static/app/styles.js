/** Style sheets that not every page needs. */

/**
 * Return a promise that is kept once a style sheet is there; those of the first page come with the document.
 *
 * @param {string} path the path, such as "deal/deal.css".
 */
export function styled(path) {
  const href = `${document.documentElement.dataset.assets}/${path}`;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  document.head.append(link);
  return new Promise((resolve, reject) => Object.assign(link, { onload: resolve, onerror: reject }));
}
