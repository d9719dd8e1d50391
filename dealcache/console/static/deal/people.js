/** The people of a deal and its events, as text. */

import { count } from "../app/format.js";

/** What a person without a name is called, with the id. */
const CALLED = { contact: "Contact", company: "Company" };

/** Return the name of a person as of the API, or what there is instead. */
export function personName({ type, id, name }) {
  return name || `${CALLED[type] ?? type} ${id}`;
}

/**
 * Return the names of people in one line.
 *
 * @param {Object[]} people as of the API; none if it does not name anybody.
 * @param {number} most how many names there may be; of further people only the number is given.
 */
export function peopleLine(people = [], most = Infinity) {
  const names = people.slice(0, most).map(personName).join(", ");
  return people.length > most ? `${names} and ${count(people.length - most)} more` : names;
}

/** Return the rows of facts about the people of a deal; none unless the service names people. */
export function peopleFacts(people) {
  if (!people) return [];
  const ofType = (wanted) => peopleLine(people.filter(({ type }) => type === wanted), 20);
  return [
    ["Contacts", ofType("contact")],
    ["Companies", ofType("company")],
  ];
}
