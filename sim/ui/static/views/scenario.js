/** The run itself: its verdict with what was asked of it, how to do it again, and the scenario. */
import { html, nothing } from "../vendor/lit-html.js";

/** @typedef {import("../app.js").Page} Page */

/** @param {Page} page */
export function scenarioView(page) {
  const { head, result } = page.film;
  return html`
    <div class="run-view">
      <section class="panel" aria-labelledby="verdict-title">
        <h2 id="verdict-title">Verdict</h2>
        ${result ? checks(result) : html`<p>The run goes on; there is no verdict yet.</p>
          <ul class="checks">${[...head.expects, ...head.thresholds.map((/** @type {any} */ one) => `${one.metric} ${one.expr}`)].map((text) => html`<li><code>${text}</code></li>`)}</ul>`}
      </section>
      <section class="panel" aria-labelledby="again-title">
        <h2 id="again-title">Do it again</h2>
        <code class="replay">${head.replay || result?.replay}</code>
        ${head.live ? nothing : html`<p><a href=${`api/bundle?t=${encodeURIComponent(page.link.token)}`} download>Save the film, with all futures</a>; <code>qpyota open FILE</code> shows it to anybody.</p>`}
        <table>
          ${[["Seed", head.seed], ["Transport", head.transport], ["qpyota", head.versions?.qpyota], ["Python", head.versions?.python]].map(
            ([name, value]) => html`<tr><th scope="row">${name}</th><td><code>${value ?? ""}</code></td></tr>`,
          )}
        </table>
      </section>
      <section class="panel source-panel" aria-labelledby="source-title">
        <h2 id="source-title">Scenario</h2>
        <p>${head.description}</p>
        <pre class="document" tabindex="0">${head.source}</pre>
      </section>
    </div>
  `;
}

/** @param {any} result */
function checks(result) {
  const lines = [
    ...(result.thresholds ?? []).map((/** @type {any} */ one) => [one.passed, `${one.metric}  ${one.expr}`, one.shown]),
    ...(result.expects ?? []).map((/** @type {any} */ one) => [one.passed, one.expr, one.detail]),
    ...(result.problems ?? []).map((/** @type {string} */ problem) => [false, problem, "the run says nothing"]),
  ].sort((a, b) => Number(a[0]) - Number(b[0]));
  return html`
    <p><span class="chip ${result.verdict.toLowerCase()}">${result.verdict}</span></p>
    <ul class="checks">
      ${lines.map(([passed, text, why]) => html`<li class=${passed ? "" : "broken"}><span class="mark" aria-hidden="true">${passed ? "✓" : "✗"}</span><code>${text}</code>
        <span class="why">${why || (passed ? "holds" : "does not hold")}</span></li>`)}
    </ul>
    ${result.explanations?.length ? html`<ul>${result.explanations.map((/** @type {string} */ one) => html`<li>${one}</li>`)}</ul>` : nothing}
  `;
}
