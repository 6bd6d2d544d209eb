"""Every sentence of the wording table that a page uses, by its message id; the only place where they stand.

A text may hold `**strong**`, `{fact}` and `{n, plural, =0 {…} one {…} other {…}}`, where `#` is the number.
"""

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

MESSAGES: Mapping[str, str] = {
    "banner.expiring": "**Your {provider} connection expires on {date}.** "
    "Reconnect now to keep publishing without a break. It takes about a minute.",
    "banner.expired": "**Your {provider} connection has expired.** "
    "{n, plural, =0 {New items will wait} one {# item is waiting} other {# items are waiting}} to publish. "
    "Reconnect and we will send {n, plural, one {it} other {them}} for you.",
    "banner.revoked": "**{provider} stopped sharing data with us on {date}.** "
    "Someone may have removed access in {provider}. Reconnect to continue.",
    "banner.degraded": "**{provider} is not answering right now.** "
    "We keep trying and will publish your items when it is back. You do not need to do anything.",
    "banner.ask_admin": "**The {provider} connection has expired.** You need an administrator to reconnect it.",
    "banner.ask_admin.action": "Ask an admin to reconnect",
    "banner.more": "{n, plural, one {# more connection needs} other {# more connections need}} attention.",
    "provider.paused": "{provider} connections are paused for maintenance. What is connected goes on working. "
    "You can connect and reconnect when it is over.",
    "preflight.title": "Reconnect to {organisation}",
    "preflight.safe": "Your settings and automation rules stay exactly as they are.",
    "preflight.steps": "You will log in to {provider}, allow access, and come straight back here.",
    "preflight.tip": "If {organisation} looks greyed out in {provider}, it is already shared. Choose Continue there.",
    "mismatch.title": "That is a different organisation",
    "mismatch.body": "This connection belongs to **{expected}**. You logged in to **{actual}**. "
    "Using another organisation would leave your rules pointing at lists that do not exist there.",
    "mismatch.back": "Log in to {expected}",
    "mismatch.switch": "Switch to {actual} and merge lists",
    "mismatch.switch.chosen": "Switch to this organisation and merge lists",
    "mismatch.choose": "Or choose one of the organisations that this login brought. Your rules are kept, "
    "and pause until you match them to its lists.",
    "org.none": "This {provider} login has no organisation you can connect. You may need a role that can manage "
    "connected apps, such as Adviser or Standard in Xero or Company admin in QuickBooks.",
    "org.taken": "{organisation} is already connected to another account here ({owner}). "
    "Ask them to disconnect it first, or choose another organisation.",
    "org.taken_here": "{organisation} is already connected here, by another connection of your business.",
    "org.unchanged": "{organisation} is the organisation that you have now. Choose another one, "
    "or cancel and reconnect.",
    "org.until": "Choose before {time}. After that the login is cancelled to keep your account safe.",
    "org.short": "**Less than {n, plural, one {one minute is} other {# minutes are}} left to choose.** "
    "Then the login is cancelled to keep your account safe, and you start again.",
    "org.filter.none": "None of the {n} organisations has “{words}” in its name.",
    "done.title": "Connected to {organisation}",
    "done.body": "Next reconnection due {date}. We will remind you before then.",
    "done.resume": "Publishing {done} of {total} waiting items…",
    "done.resume.all": "{total, plural, one {The waiting item is published.} "
    "other {All # waiting items are published.}}",
    "done.resume.partial": "{ok} published, {bad} need your attention.",
    "done.lists.failed": "Connected. Lists could not be updated yet, we will retry by ourselves.",
    "done.lists.failed.until": "Connected. Lists could not be updated yet, we will retry at {time}.",
    "auth.denied": "Access was not granted. Nothing has changed. You can try again when you are ready.",
    "auth.timeout": "The login took too long and was cancelled to keep your account safe. Nothing has changed.",
    "auth.cancelled": "This login was cancelled. Nothing has changed.",
    "auth.no_code": "{provider} sent you back without an answer. Nothing has changed. Try again.",
    "auth.state": "This page was opened from an old or copied link. Start again from Connections.",
    "auth.state_used": "This answer of {provider} was used already, so it was not used again. "
    "Look at Connections: it may have worked the first time.",
    "auth.browser": "This login was started in another browser, so we did not use it. Nothing has changed. "
    "Go back to the browser where you started, or start again from Connections.",
    "auth.issuer": "The answer did not come from {provider}, so we did not use it. Nothing has changed. "
    "If it happens again, tell support.",
    "auth.provider_down": "{provider} could not complete the login just now. Your connection is unchanged. "
    "Try again in a few minutes.",
    "auth.scope": "{provider} did not grant everything we need. Without it we cannot publish your items. "
    "Nothing has changed. Log in again and leave every permission ticked.",
    "auth.scope.named": "{provider} did not grant everything we need ({missing}). Without it we cannot publish your "
    "items. Nothing has changed. Log in again and leave every permission ticked.",
    "permission.bills": "bills and receipts",
    "permission.contacts": "suppliers and customers",
    "permission.lists": "categories and tax rates",
    "permission.attachments": "attached documents",
    "permission.offline": "access while nobody is logged in",
    "permission.accounting": "accounting data",
    "auth.mismatch": "You logged in to another organisation than the one this link is for. Nothing has changed. "
    "Ask for a new link and choose the right organisation.",
    "auth.ended": "The connection was disconnected or replaced while you were at the login. "
    "What you allowed was not kept.",
    "auth.taken_over": "Another administrator began this login again, so yours was ended. Nothing of yours was kept.",
    "running.title": "{name} is reconnecting {provider}",
    "running.body": "{name} began this {ago}. Join to see how far it is and to choose the organisation, "
    "or take over: then the login of {name} ends, and nothing of it is kept.",
    "running.title.link": "Somebody is reconnecting {provider} through a link",
    "running.body.link": "They began this {ago}. Join to see how far it is and to choose the organisation, "
    "or take over: then their login ends, and nothing of it is kept.",
    "running.waiting.link": "Somebody left for {provider} through a reconnect link {ago} and is not back yet.",
    "running.waiting": "{name} left for {provider} {ago} and is not back yet.",
    "running.waiting.own": "You left for {provider} {ago}. Did you finish in {provider}? "
    "Then check again, or start again.",
    "leaving.held": "Nothing happens? Your browser may have held the page back: press the button.",
    "leaving.back": "Did you finish in {provider}?",
    "repair.asked": "We have asked {names} to reconnect {provider}.",
    "repair.asked.before": "{names} knew already: they were asked {ago}.",
    "repair.snoozed": "We remind you again in 3 days.",
    "repair.link.sent": "{name} gets a mail with the link.",
    "repair.link.made": "Hand this link over. It reconnects {organisation} and does nothing else, once, until {time}. "
    "It is shown only here.",
    "repair.link.about": "Whoever opens it can log in to {provider} for this connection, and sees nothing else here.",
    "publish.connection_expired": "Waiting: the {provider} connection has expired",
    "publish.connection_revoked": "Waiting: {provider} stopped sharing data with us",
    "publish.connection_checking": "Waiting: we are checking the {provider} connection",
    "publish.connection_ended": "Waiting: the {provider} connection has ended",
    "publish.provider_degraded": "Waiting: {provider} is not answering right now",
    "publish.canary_failed": "Waiting: the first item of the queue was refused. We publish the rest once it is solved",
    "publish.waiting": "Waiting for {provider}",
    "publish.category_missing": "The category no longer exists in {provider}. Choose another category.",
    "publish.tax_mismatch": "The tax rate cannot be used with this category in {provider}. Change one of them.",
    "publish.period_locked": "{provider} has locked this period. Change the date or unlock the period there.",
    "publish.duplicate": "{provider} already has a document with this reference from this supplier.",
    "publish.rate": "{provider} asked us to slow down. We will try again by ourselves.",
    "publish.outage": "{provider} did not answer. We will try again by ourselves.",
    "publish.uncertain": "{provider} may have it already. We look before we send it again.",
    "publish.unknown": "{provider} refused this item. It said: “{provider_message}”.",
    "publish.refused": "{provider} refused this item.",
    "inbox.waiting": "{n, plural, one {# item is} other {# items are}} waiting for {provider}.",
    "inbox.published": "{n, plural, one {# item} other {# items}} sent to publish.",
    "empty.connections": "No accounting software connected yet. "
    "Connect it to publish items and keep your lists up to date.",
    "empty.inbox": "Nothing to publish yet. New items appear here as soon as they are read.",
    "empty.tab": "Nothing here right now.",
    "button.reconnect": "Choose the connection that needs a new login at {provider}.",
    "button.disconnected": "Somebody pressed Disconnect in {provider}, we hear. We are asking {provider} whether that "
    "is so. If it is, items wait here until you reconnect; nothing is lost. To leave for good, choose Manage and then "
    "Disconnect.",
    "button.nothing": "You manage no such connection here. If you expected one, ask your administrators.",
    "forbidden": "Only administrators can manage connections. Your administrators: {names}.",
    "forbidden.accountant": "Your accountant manages this: {names}.",
    "forbidden.action": "Ask for access",
    "forbidden.subject": "Please reconnect {provider}",
    "forbidden.letter": "Hello, our connection to {provider} needs a new login by an administrator: {url}",
    "link.valid": "The {provider} connection of {organisation} needs a new login. It takes about a minute.",
    "link.used": "If the connection is still broken, ask for a new link.",
    "link.expired": "This link is no longer valid. Ask for a new link.",
    "link.repaired": "All good, nothing to do. {provider} is connected again.",
    "link.ended": "The connection was disconnected or replaced. There is nothing to do any more.",
    "link.asked_by": "{name} asks you for it.",
    "link.started": "Did you finish in {provider}? Then check again.",
    "link.returned": "The login worked. Somebody who manages connections still has to confirm the organisation; "
    "nothing has changed before that.",
    "link.mismatch": "This link is for **{organisation}**, and you logged in to another organisation. "
    "Nothing has changed. Ask for a new link, then choose the right organisation.",
    "link.asked": "We have asked for a new link. Those who manage the connection get a mail, and can send you one.",
    "link.asked.before": "A new link was asked for {ago}. Those who manage the connection have a mail about it.",
    "link.unknown": "This link does not exist. Check that the whole address was copied.",
    "change.old": "{provider} keeps working for {organisation} until the new connection is confirmed. "
    "You can stop at any step, and everything is as it was.",
    "change.lists": "The new lists arrive within minutes. The old ones are kept, to merge them.",
    "change.rules": "{n, plural, =0 {You have no automation rules to match} one {Your rule is kept. It pauses until "
    "you match it to the new lists} other {Your # rules are kept. They pause until you match them to the new lists}}.",
    "change.history": "The history stays, and so does everything that is in {provider} already.",
    "change.until": "From then on your items go there. Until then {provider} stays connected.",
    "change.merge.later": "Lists cannot be merged here yet. Nothing is lost until they can.",
    "change.merge": "{n, plural, =0 {No rule has to be matched.} one {# rule pauses until it is matched to the new "
    "lists.} other {# rules pause until they are matched to the new lists.}}",
    "disconnect.waiting": "Nothing is published to {provider} any more. {n, plural, =0 {New items will wait} "
    "one {# item is waiting and stays} other {# items are waiting and stay}} here until you connect again.",
    "disconnect.rules": "{n, plural, one {Your automation rule is} other {Your # automation rules are}} kept, "
    "and rest until there are lists to match them to.",
    "disconnect.revoked": "We give our access back to {provider}, and nobody here can use it again. "
    "You hear whether {provider} took it.",
    "disconnect.published": "What is in {provider} already stays there.",
    "disconnect.keep": "A new connection can then be merged with them, so that rules go on.",
    "disconnect.clear": "Categories, tax rates and suppliers are removed here. This cannot be undone.",
    "disconnect.mistyped": "That is not the name of the organisation. Nothing has changed. Type **{organisation}**.",
    "left.given_back": "Disconnected. {provider} has taken our access back.",
    "left.not_yet": "Disconnected. We could not tell {provider} yet and keep trying. You can remove our access in "
    "{provider} as well.",
    "left.not_possible": "Disconnected. {provider} lets only you take our access back: remove it there as well.",
    "mobile.web_only": "To change integration settings, use the web app.",
    "mobile.business": "What you see under Settings is about this business, until you choose another one.",
    "mobile.unsupported": "{provider} cannot be connected on a phone. Use the web app.",
    "settings.saved": "Saved. The settings count from now on.",
    "settings.conflict": "**{name} changed this {ago}.** Nothing of yours was saved. "
    "Review the change below, then save again if you still want yours.",
    "settings.conflict.unknown": "**Somebody changed this meanwhile.** Nothing of yours was saved. "
    "Review the change below, then save again if you still want yours.",
    "settings.warn_new_supplier": "An item whose supplier is not in {provider} yet shows a “!” before it creates one.",
    "settings.warn_new_supplier.unsupported": "{provider} cannot tell us which suppliers it has in time for a warning.",
    "settings.always_ask_organisation": "Off: after a login the expected organisation is taken without asking.",
    "settings.auto_publish": "Items that are complete are sent without anybody pressing Publish.",
    "settings.default_destination": "How bills and receipts arrive in {provider}, unless a rule says otherwise.",
    "lists.asked": "Your lists are being refreshed.",
    "lists.fresh": "Your lists were refreshed a moment ago. Try again in a few minutes.",
    "error.forbidden": "You do not have the right to do this. Nothing has changed.",
    "error.not_found": "There is nothing at this address, or it belongs to another business.",
    "error.conflict": "Somebody or something changed this a moment ago. "
    "Go back, look again, then repeat what you meant.",
    "error.form": "This form is too old or was opened in another session. Go back, reload the page and try again.",
    "error.unavailable": "A part of our service is not answering. Nothing was lost. Try again in a minute.",
    "error.internal": "We could not finish this because of a fault on our side. It has been recorded.",
    "error.signed_out": "Your session has ended. Sign in to continue.",
    "error.no_business": "Your account belongs to no business yet. Ask your administrator to add you.",
    "error.sign_in": "The sign-in could not be completed. Start again.",
}

_STRONG = re.compile(r"\*\*(.+?)\*\*")
_PLURAL_START = re.compile(r"(\w+), plural, ")
_CASE = re.compile(r"\s*(=\d+|one|other) \{")


def say(message_id: str, **facts: object) -> Markup:
    """The sentence with its facts filled in, escaped. A message or fact that does not exist raises `KeyError`."""
    text = _STRONG.sub(r"<strong>\1</strong>", MESSAGES[message_id])
    return Markup(_fill(text, facts))  # noqa: S704 - the texts are ours, and each fact is escaped on its way in


def _fill(text: str, facts: Mapping[str, object]) -> str:
    filled, rest = "", text
    while "{" in rest:
        before, _, rest = rest.partition("{")
        inner, rest = _to_closing_brace(rest)
        filled += before + (_choose(inner, facts) if _PLURAL_START.match(inner) else str(escape(facts[inner])))
    return filled + rest


def _choose(inner: str, facts: Mapping[str, object]) -> str:
    name, _, cases = inner.partition(", plural, ")
    number, texts = facts[name], {}
    while start := _CASE.match(cases):
        text, cases = _to_closing_brace(cases[start.end() :])
        texts[start[1]] = text
    chosen = texts.get(f"={number}") or (texts.get("one") if number == 1 else None) or texts["other"]
    return _fill(chosen.replace("#", str(number)), facts)


def _to_closing_brace(text: str) -> tuple[str, str]:
    depth = 1
    for position, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return text[:position], text[position + 1 :]
    raise ValueError(f"a brace is never closed: {text}")
