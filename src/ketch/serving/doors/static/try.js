"use strict";
// Sends what stands in the form to the route, and shows what comes back. The token stays
// in this page: it is neither stored nor part of any address.

const form = document.querySelector("form");
const body = document.querySelector("#body");
const example = document.querySelector("#example");
const token = document.querySelector("#token");
const answer = document.querySelector("#answer");
const standing = document.querySelector("#standing");
const who = document.querySelector("#who");
const SHOWN = ["Ketch-Package", "Ketch-Arm", "Ketch-Decision"];

function fill() {
  const chosen = example && example.selectedOptions[0];
  if (chosen) body.value = chosen.dataset.body;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send() {
  standing.textContent = "Waiting for the answer…";
  standing.className = "";
  answer.textContent = "";
  who.textContent = "";
  const headers = { "Content-Type": "application/json" };
  if (token.value) headers.Authorization = `Bearer ${token.value}`;
  const began = performance.now();
  try {
    const reply = await fetch(form.dataset.to, { method: "POST", headers, body: body.value });
    const text = await reply.text();
    const ms = Math.round(performance.now() - began);
    standing.textContent = `${reply.status} ${reply.statusText} in ${ms} ms`;
    standing.className = reply.ok ? "good" : "bad";
    answer.textContent = pretty(text);
    const said = SHOWN.map((name) => [name, reply.headers.get(name)]).filter(([, value]) => value);
    who.textContent = said.map(([name, value]) => `${name}: ${value}`).join("\n");
  } catch (error) {
    standing.textContent = `No answer: ${error.message}`;
    standing.className = "bad";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    send();
  }
});
if (example) example.addEventListener("change", fill);
