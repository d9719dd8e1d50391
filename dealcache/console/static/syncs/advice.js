/** What to do about a sync that failed, by the words of its error. */

const AGAIN = "Start it again";

/** The first that matches counts. The texts are those of the API's `error`. */
const ADVICE = [
  [
    /does not accept the access token/,
    `HubSpot refuses the token: give the service a valid one (HUBSPOT_ACCESS_TOKEN), restart it, and start the sync again.`,
  ],
  [
    /lacks a right|scopes is required/,
    "The token lacks a scope: add it in HubSpot, where the token is made. The next sync reads what is missing.",
  ],
  [
    /belongs to HubSpot account/,
    "The token is of another HubSpot account: use that of the stored deals, or another database.",
  ],
  [/limit of the day/, `HubSpot’s calls of the day are used up; there are new ones at its midnight. ${AGAIN} then.`],
  [/rate limit/, `HubSpot’s limits were used up, perhaps by other apps of the account. ${AGAIN} in some minutes.`],
  [/between data centres/, `HubSpot moves the account. ${AGAIN} in some hours.`],
  [
    /HubSpot failed|in time|connection failed|cut short|is locked|does not tell|left in the state/,
    `HubSpot was away or slow, and every try failed. ${AGAIN} once it answers; Status shows whether it does.`,
  ],
  [
    /knows a deal of the name or id/,
    "Check the name: it must be the whole name as HubSpot has it. Or use the id from the deal’s address in HubSpot.",
  ],
  [
    /MongoDB refused|too many others|kept changing|could not be written/,
    `MongoDB could not store it: look at its log and its free space. ${AGAIN} then.`,
  ],
  [
    /cannot be read: \w+Error|MongoDB (holds|cannot)/,
    "Something in MongoDB is not what this release stores: the service’s log names it.",
  ],
  [
    /^internal error/,
    "This is a fault of dealcache itself: the service’s log has it under the sync’s id. Please report it.",
  ],
  [
    /HubSpot rejected|JSON|unexpected kind|repeats|too large|larger than/,
    `HubSpot answered what it should not. ${AGAIN}; if it goes on, its support finds the call by the correlation id.`,
  ],
];

/** Return what to do about an error, in a sentence or two. */
export function advice(error) {
  const found = ADVICE.find(([pattern]) => pattern.test(error));
  return found ? found[1] : `${AGAIN}; if it fails again, the service’s log says more under the sync’s id.`;
}
