//! The instances of an account in a region, which nobody stores: an instance is a function of the seed, the account,
//! the region and its index.

use crate::chance::{mix, of_text, unmix};
use crate::estate::Estate;
use crate::xml::push_hex;

/// All instances of an account in a region.
#[derive(Clone, Debug)]
pub(crate) struct Fleet {
    pub(crate) account: String,
    pub(crate) region: String,
    key: u64,
    count: u32,
    /// Managed instances are left out of answers by default.
    pub(crate) hides_managed: bool,
}

/// Reservations are laid out in blocks of so many instances.
const BLOCK: u32 = 8;
/// The sizes of a block's reservations. Most hold one instance.
const LAYOUTS: [&[u32]; 8] = [
    &[1, 1, 1, 1, 1, 1, 1, 1],
    &[1, 1, 1, 1, 1, 1, 1, 1],
    &[1, 1, 1, 1, 1, 1, 1, 1],
    &[1, 2, 1, 1, 3],
    &[3, 5],
    &[2, 2, 2, 2],
    &[1, 1, 6],
    &[8],
];

impl Fleet {
    pub(crate) fn of(estate: &Estate, account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            key: of_text(estate.seed, &format!("{account} {region}")),
            count: estate.instance_count(account, region),
            hides_managed: estate
                .accounts
                .get(account)
                .is_some_and(|account| account.hides_managed),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// A number of the instance for `purpose`, for identifiers that must not collide.
    pub(crate) fn number(&self, index: u32, purpose: u64) -> u64 {
        mix(mix(u64::from(index) ^ self.key) ^ purpose)
    }

    /// A number that all instances of the region share, for their networks and groups.
    pub(crate) fn shared(&self, purpose: u64) -> u64 {
        mix(self.key ^ purpose.rotate_left(32))
    }

    /// The instance's identifier as a number.
    pub(crate) fn id(&self, index: u32) -> u64 {
        mix(u64::from(index) ^ self.key)
    }

    /// `i-0…`
    pub(crate) fn instance_id(&self, index: u32) -> String {
        let mut id = String::with_capacity(19);
        id.push_str("i-0");
        push_hex(&mut id, self.id(index), 16);
        id
    }

    /// The instance with an identifier.
    pub(crate) fn index_of(&self, id: u64) -> Option<u32> {
        u32::try_from(unmix(id) ^ self.key)
            .ok()
            .filter(|index| *index < self.count)
    }

    /// Where the reservation of an instance begins and ends.
    fn reservation(&self, index: u32) -> (u32, u32) {
        let block = index / BLOCK;
        let layout = LAYOUTS[(mix(self.key ^ u64::from(block) ^ 0xb10c) % LAYOUTS.len() as u64) as usize];
        let mut start = block * BLOCK;
        for size in layout {
            if index < start + size {
                return (start, (start + size).min(self.count));
            }
            start += size;
        }
        (start, start)
    }

    /// The first instance of a reservation.
    pub(crate) fn reservation_start(&self, index: u32) -> u32 {
        self.reservation(index).0
    }

    /// The instance after the last of a reservation.
    pub(crate) fn reservation_end(&self, index: u32) -> u32 {
        self.reservation(index).1
    }

    /// Where a page of at most `size` instances ends. Reservations are never split, so one that is larger than the
    /// page makes the page larger.
    pub(crate) fn page_end(&self, start: u32, size: u32) -> u32 {
        let mut end = start;
        while end < self.count {
            let after = self.reservation_end(end);
            if end > start && after - start > size {
                break;
            }
            end = after;
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::estate::Account;

    fn fleet(count: u32) -> Fleet {
        let account = Account::new("111122223333").instances("eu-west-1", count);
        Fleet::of(&Estate::new(account), "111122223333", "eu-west-1")
    }

    #[test]
    fn identifiers_differ_and_lead_back_to_their_instances() {
        let fleet = fleet(10_000);
        let ids: BTreeSet<u64> = (0..10_000).map(|index| fleet.id(index)).collect();
        assert_eq!(ids.len(), 10_000);
        assert!((0..10_000).all(|index| fleet.index_of(fleet.id(index)) == Some(index)));
        assert_eq!(fleet.index_of(fleet.id(10_000)), None);
        assert_eq!(fleet.instance_id(0).len(), 19);
    }

    #[test]
    fn pages_hold_whole_reservations_and_every_instance_once() {
        let fleet = fleet(1_003);
        for size in [5, 7, 100, u32::MAX] {
            let (mut at, mut pages) = (0, 0);
            while at < fleet.count() {
                let end = fleet.page_end(at, size);
                assert!(end > at && (end - at <= size.max(8)));
                assert_eq!(fleet.reservation_start(at), at);
                (at, pages) = (end, pages + 1);
            }
            assert_eq!((at, pages > 1), (1_003, size < 1_003), "{size}");
        }
        assert!((0..1_003).any(|index| fleet.reservation_end(index) - fleet.reservation_start(index) > 1));
    }
}
