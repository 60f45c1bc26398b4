/** The form that creates a job, in the words of AWS's console and CreateJob. */
import { html, nothing } from "../vendor/lit-html.js";
import { createJob } from "../acts.js";
import { pretty } from "../words.js";

/** @typedef {import("../app.js").Page} Page */

/** The one that jobs of scenarios have; nobody looks at it, and the cloud wants one. */
const PRESIGN_ROLE = "arn:aws:iam::123456789012:role/qpyota-presign";

/** @param {Page} page */
export function newJob(page) {
  const { devices } = page.film.head;
  const groups = [...new Set(devices.map((/** @type {any} */ one) => one.group).filter(Boolean))];
  const targets = [...groups.map((name) => [name, `group ${name}`]), ...devices.slice(0, 500).map((/** @type {any} */ one) => [one.name, one.name])];
  const example = page.example || pretty([{ operation: "FOTA", files: [{ fileName: "", fileVersion: "", fileSource: { url: "" } }] }]);
  return html`
    <h2 id="job-title">Create job</h2>
    <form id="job-form" class="form" @submit=${(/** @type {SubmitEvent} */ e) => submit(page, e)}>
      <fieldset>
        <legend>Job properties</legend>
        <label for="jobId">Name <span class="faint">jobId</span></label>
        <input id="jobId" name="jobId" required pattern="[a-zA-Z0-9_\\-]{1,64}" autocomplete="off" spellcheck="false" aria-describedby="jobId-help">
        <p class="help" id="jobId-help">Letters, digits, - and _; 64 at most.</p>
        <label for="description">Description <span class="faint">optional</span></label>
        <input id="description" name="description" maxlength="2028" autocomplete="off">
      </fieldset>
      <fieldset>
        <legend>File configuration</legend>
        <label for="targets">Job targets <span class="faint">targets</span></label>
        <select id="targets" name="targets" multiple required size=${Math.min(5, Math.max(2, targets.length))}>
          ${targets.map(([value, label], i) => html`<option value=${value} ?selected=${i === 0}>${label}</option>`)}
        </select>
        <label for="document">Job document <span class="faint">document</span></label>
        <textarea id="document" name="document" required rows="9" spellcheck="false" .value=${example}></textarea>
        <label for="expiresInSec">Pre-signed URLs are valid for, seconds <span class="faint">presignedUrlConfig.expiresInSec</span></label>
        <input id="expiresInSec" name="expiresInSec" type="number" min="60" max="3600" value="3600">
        <label for="roleArn">Role that signs URLs <span class="faint">presignedUrlConfig.roleArn</span></label>
        <input id="roleArn" name="roleArn" value=${PRESIGN_ROLE} autocomplete="off" spellcheck="false">
      </fieldset>
      <fieldset>
        <legend>Job configuration</legend>
        <label for="targetSelection">Job run type <span class="faint">targetSelection</span></label>
        <select id="targetSelection" name="targetSelection">
          <option value="SNAPSHOT">Snapshot: the targets of now</option>
          <option value="CONTINUOUS">Continuous: and those that join later</option>
        </select>
        <label for="maximumPerMinute">Devices a minute <span class="faint">jobExecutionsRolloutConfig.maximumPerMinute, optional</span></label>
        <input id="maximumPerMinute" name="maximumPerMinute" type="number" min="1" max="1000">
        <label for="inProgressTimeoutInMinutes">Timeout, minutes <span class="faint">timeoutConfig.inProgressTimeoutInMinutes, optional</span></label>
        <input id="inProgressTimeoutInMinutes" name="inProgressTimeoutInMinutes" type="number" min="1" max="10080">
      </fieldset>
      ${page.film.head.live ? nothing : html`<p>This run is a film: the job is created at the time shown below, in a second future of it.</p>`}
      <p id="form-error" class="error" role="alert">${page.formError || nothing}</p>
      <div class="buttons">
        <button type="submit" class="primary" ?disabled=${page.busy}>Submit</button>
        <button type="button" @click=${() => page.set({ making: false, formError: "" })}>Cancel</button>
      </div>
    </form>
  `;
}

/** CreateJob's request from the form. SyntaxError when the document is no JSON. @param {FormData} form */
export function request(form) {
  const text = (/** @type {string} */ name) => String(form.get(name) ?? "").trim();
  const document = text("document");
  JSON.parse(document);
  /** @type {Record<string, any>} */
  const job = {
    jobId: text("jobId"),
    targets: form.getAll("targets").map(String),
    document,
    targetSelection: text("targetSelection"),
    presignedUrlConfig: { roleArn: text("roleArn"), expiresInSec: Number(text("expiresInSec") || 3600) },
  };
  if (text("description")) job.description = text("description");
  if (text("maximumPerMinute")) job.jobExecutionsRolloutConfig = { maximumPerMinute: Number(text("maximumPerMinute")) };
  if (text("inProgressTimeoutInMinutes")) job.timeoutConfig = { inProgressTimeoutInMinutes: Number(text("inProgressTimeoutInMinutes")) };
  return job;
}

/** @param {Page} page @param {SubmitEvent} event */
async function submit(page, event) {
  event.preventDefault();
  const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
  try {
    await createJob(page, request(form));
  } catch (error) {
    const why = error instanceof SyntaxError ? `the job document is no JSON: ${error.message}` : /** @type {Error} */ (error).message;
    page.set({ formError: why });
  }
}
