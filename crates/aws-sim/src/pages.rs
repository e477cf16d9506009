//! Page tokens: opaque, signed, and bound to the call they came from, so that a client that mixes them up is told.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::estate::Pages;

/// Where a listing stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The next entry.
    pub(crate) at: u64,
    /// The number of pages with entries so far.
    page: u32,
    /// So many of the empty pages that stand before this one have been sent.
    emptied: u8,
}

impl Position {
    /// Whether an empty page is due before the page at this position.
    pub(crate) fn empty_is_due(self, pages: &Pages) -> bool {
        let every = |every: usize| (self.page as usize).is_multiple_of(every.max(1));
        self.emptied < pages.empty_in_a_row && pages.empty_every.is_some_and(every)
    }

    /// The position after the empty page.
    pub(crate) fn after_empty(self) -> Self {
        Self {
            emptied: self.emptied.saturating_add(1),
            ..self
        }
    }

    /// The position after a page that ended before the entry `at`.
    pub(crate) fn after_page(self, at: u64) -> Self {
        Self {
            at,
            page: self.page + 1,
            emptied: 0,
        }
    }
}

/// Makes and reads tokens.
pub(crate) struct Tokens(hmac::Key);

const TAG: usize = 16;

impl Tokens {
    pub(crate) fn new(seed: u64) -> Self {
        Self(hmac::Key::new(
            hmac::HMAC_SHA256,
            format!("page tokens {seed}").as_bytes(),
        ))
    }

    /// A token for a position. `call` is what it is bound to: operation, caller, parameters.
    pub(crate) fn seal(&self, call: &str, position: Position) -> String {
        let mut bytes = Vec::with_capacity(13 + TAG);
        bytes.extend(position.at.to_be_bytes());
        bytes.extend(position.page.to_be_bytes());
        bytes.push(position.emptied);
        let tag = self.tag(call, &bytes);
        bytes.extend(&tag.as_ref()[..TAG]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a token; `None` when it is not one of ours, or not one of this call.
    pub(crate) fn open(&self, call: &str, token: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (payload, tag) = bytes.split_at_checked(13)?;
        if tag != &self.tag(call, payload).as_ref()[..TAG] {
            return None;
        }
        let at = u64::from_be_bytes(payload[..8].try_into().ok()?);
        let page = u32::from_be_bytes(payload[8..12].try_into().ok()?);
        Some(Position {
            at,
            page,
            emptied: payload[12],
        })
    }

    /// The same for a position that is a text: a key of a listing that may change between two pages.
    pub(crate) fn seal_text(&self, call: &str, text: &str) -> String {
        let mut bytes = self.tag(call, text.as_bytes()).as_ref()[..TAG].to_vec();
        bytes.extend(text.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn open_text(&self, call: &str, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (tag, text) = bytes.split_at_checked(TAG)?;
        let ours = tag == &self.tag(call, text).as_ref()[..TAG];
        String::from_utf8(text.to_vec()).ok().filter(|_| ours)
    }

    fn tag(&self, call: &str, payload: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(payload);
        context.update(call.as_bytes());
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_good_for_its_own_call_only() {
        let tokens = Tokens::new(1);
        let position = Position::default().after_page(40);
        let token = tokens.seal("ListAccounts", position);
        assert_eq!(tokens.open("ListAccounts", &token).unwrap(), position);
        assert_eq!(tokens.open("ListRoots", &token), None);
        assert_eq!(Tokens::new(2).open("ListAccounts", &token), None);
        let token_of_text = tokens.seal_text("ListObjectsV2", "a/ü");
        assert_eq!(tokens.open_text("ListObjectsV2", &token_of_text).unwrap(), "a/ü");
        assert_eq!(tokens.open_text("ListRoots", &token_of_text), None);
        for forged in ["", "a", "!!", &token[1..], &format!("{token}AAAA")] {
            assert_eq!(tokens.open("ListAccounts", forged), None, "{forged}");
        }
    }

    #[test]
    fn empty_pages_stand_before_every_kth() {
        let every = |every, row| Pages {
            empty_every: every,
            empty_in_a_row: row,
            ..Pages::default()
        };
        let start = Position::default();
        assert!(start.empty_is_due(&every(Some(2), 1)));
        let first = start.after_empty();
        assert!(!first.empty_is_due(&every(Some(2), 1)));
        assert!(!first.after_page(20).empty_is_due(&every(Some(2), 1)));
        assert!(first.after_page(20).after_page(40).empty_is_due(&every(Some(2), 1)));
        assert!(!start.empty_is_due(&every(None, 1)));
        assert!(first.empty_is_due(&every(Some(1), 2)));
        assert!(!first.after_empty().empty_is_due(&every(Some(1), 2)));
    }
}
