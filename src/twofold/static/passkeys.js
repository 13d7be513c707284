// Passkeys (WebAuthn): asks the browser for one, and sends its answer with the form that the button stands in.
// Everything that a person reads comes from the page; what they prove is judged by the server alone.
"use strict";

{
  const toBytes = (text) => Uint8Array.from(
    atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0),
  );
  const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const named = (listed) => (listed ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

  const toSign = (asked) => ({
    ...asked, challenge: toBytes(asked.challenge), allowCredentials: named(asked.allowCredentials),
  });

  const toMake = (asked) => ({
    ...asked, challenge: toBytes(asked.challenge), excludeCredentials: named(asked.excludeCredentials),
    user: { ...asked.user, id: toBytes(asked.user.id) },
  });

  const answerOf = (credential) => {
    const { response } = credential;
    const parts = { clientDataJSON: toText(response.clientDataJSON) };
    if (response.attestationObject) {
      parts.attestationObject = toText(response.attestationObject);
      parts.transports = response.getTransports?.() ?? [];
    } else {
      parts.authenticatorData = toText(response.authenticatorData);
      parts.signature = toText(response.signature);
      if (response.userHandle) parts.userHandle = toText(response.userHandle);
    }
    return JSON.stringify({ id: credential.id, rawId: credential.id, type: credential.type, response: parts });
  };

  // What an exception says in words of the page (WebAuthn Level 3 sections 5.1.3 and 5.1.4).
  const wordsFor = { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "exists", SecurityError: "refused" };

  let waiting = null; // what waits in the background for a passkey from the email field

  const say = (box, words) => {
    const place = box.querySelector("[role=status]");
    place.textContent = "";
    requestAnimationFrame(() => { place.textContent = words; });
  };

  const send = (box, credential) => {
    box.querySelector("[name=credential]").value = answerOf(credential);
    box.closest("form").submit();
  };

  const ask = async (box) => {
    const password = box.closest("form").querySelector("input[name=password]");
    if (password && !password.value) {
      say(box, box.dataset.password);
      password.focus();
      return;
    }
    waiting?.abort();
    say(box, box.dataset.waiting);
    const asked = JSON.parse(box.dataset.asked);
    try {
      send(box, box.dataset.passkey === "make"
        ? await navigator.credentials.create({ publicKey: toMake(asked) })
        : await navigator.credentials.get({ publicKey: toSign(asked) }));
    } catch (error) {
      say(box, box.dataset[wordsFor[error.name] ?? "failed"]);
    }
  };

  // The browser offers passkeys in the email field, beside the addresses that it knows.
  const offerInField = async (box) => {
    if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
    waiting = new AbortController();
    try {
      send(box, await navigator.credentials.get({
        publicKey: toSign(JSON.parse(box.dataset.asked)), mediation: "conditional", signal: waiting.signal,
      }));
    } catch {
      // Nobody chose one, or the button was pressed, which asks anew.
    }
  };

  for (const box of document.querySelectorAll("[data-passkey]")) {
    const button = box.querySelector("button");
    box.querySelector(".passkey__scriptless")?.remove();
    if (!window.PublicKeyCredential) {
      say(box, box.dataset.unsupported ?? "");
      continue;
    }
    button.hidden = false;
    button.addEventListener("click", () => ask(box));
    if (box.dataset.passkey === "sign-in") offerInField(box);
  }

  // Password managers forget what the server no longer knows; told only after it has said so.
  for (const note of document.querySelectorAll("[data-unknown-passkey]")) {
    window.PublicKeyCredential?.signalUnknownCredential?.(JSON.parse(note.dataset.unknownPasskey)).catch(() => {});
  }
  for (const note of document.querySelectorAll("[data-accepted-passkeys]")) {
    window.PublicKeyCredential?.signalAllAcceptedCredentials?.(JSON.parse(note.dataset.acceptedPasskeys)).catch(() => {});
  }
}
