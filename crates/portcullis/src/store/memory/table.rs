//! Rows by digest, with an index by owner and family that is also the order in which ended rows are swept.
//!
//! 1. A row is added only where none is, and changed only where one is.
//! 2. Memory stays bounded without a clock: each row that is added looks at a few others and drops those that ended
//!    more than [`MARGIN`] before the moment it brings with it.
//! 3. No verb looks at all rows while it keeps readers out.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Bound;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::secret::Digest;
use crate::user::UserId;

/// How long a row stays after its end: a clock that was put right by less loses nobody's session.
const MARGIN: Duration = Duration::from_secs(60 * 60);
/// How many rows are looked at for each that is added: at most a third more rows than live ones are kept.
const STEPS: usize = 4;

/// What a [`Table`] must know of its rows.
pub(super) trait Row {
    /// What divides the rows of one owner; `()` where nothing does, which costs nothing.
    type Family: Copy + Ord;

    /// The first and the last family that there can be.
    const FAMILIES: (Self::Family, Self::Family);

    /// Returns whose it is.
    fn owner(&self) -> Option<&UserId>;

    /// Returns the family it is of.
    fn family(&self) -> Self::Family;

    /// Returns when it ends if it is not used again.
    fn ends_at(&self) -> Timestamp;
}

type Place<R> = (Option<UserId>, <R as Row>::Family, Digest);

/// Rows are boxed because a hash table is half empty: 41 bytes a place instead of 120. Keys are compared as plain bytes:
/// nobody steers the SHA-256 of a guess towards a key, so the time of a comparison tells nothing.
pub(super) struct Table<R: Row> {
    rows: HashMap<[u8; 32], Box<R>, BuildHasherDefault<Prefix>>,
    by_owner: BTreeSet<Place<R>>,
    hand: Option<Place<R>>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self { rows: HashMap::default(), by_owner: BTreeSet::new(), hand: None }
    }
}

impl<R: Row> Table<R> {
    pub(super) fn get(&self, key: &Digest) -> Option<&R> {
        self.rows.get(key.as_bytes()).map(AsRef::as_ref)
    }

    /// Adds a row unless the key is taken, and sweeps a little relative to `now`.
    pub(super) fn add(&mut self, key: Digest, row: R, now: Timestamp) -> bool {
        if self.rows.contains_key(key.as_bytes()) {
            return false;
        }
        self.sweep(now.before(MARGIN));
        self.by_owner.insert(place(&row, key));
        self.rows.insert(*key.as_bytes(), Box::new(row));
        true
    }

    /// Replaces a row that is still there; its owner and family may be others now.
    pub(super) fn replace(&mut self, key: &Digest, row: R) -> bool {
        let Some(old) = self.rows.get_mut(key.as_bytes()) else { return false };
        if old.owner() != row.owner() || old.family() != row.family() {
            self.by_owner.remove(&place(old.as_ref(), *key));
            self.by_owner.insert(place(&row, *key));
        }
        **old = row;
        true
    }

    /// Changes a row that is still there; `change` must not change its owner or family.
    pub(super) fn update(&mut self, key: &Digest, change: impl FnOnce(&mut R)) -> bool {
        self.rows.get_mut(key.as_bytes()).map(|row| change(row)).is_some()
    }

    pub(super) fn remove(&mut self, key: &Digest) -> bool {
        let Some(row) = self.rows.remove(key.as_bytes()) else { return false };
        self.by_owner.remove(&place(row.as_ref(), *key))
    }

    /// Removes a row of one owner, nobody else's.
    pub(super) fn remove_of(&mut self, owner: &UserId, key: &Digest) -> bool {
        self.get(key).is_some_and(|row| row.owner() == Some(owner)) && self.remove(key)
    }

    /// Lends the rows of one owner with their keys.
    pub(super) fn of(&self, owner: &UserId) -> impl Iterator<Item = (&Digest, &R)> {
        self.between(Some(owner), R::FAMILIES)
    }

    /// Lends the rows of one family of one owner with their keys.
    pub(super) fn of_family(
        &self,
        owner: Option<&UserId>,
        family: R::Family,
    ) -> impl Iterator<Item = (&Digest, &R)> {
        self.between(owner, (family, family))
    }

    fn between(
        &self,
        owner: Option<&UserId>,
        (first, last): (R::Family, R::Family),
    ) -> impl Iterator<Item = (&Digest, &R)> {
        let place = |family, byte| (owner.cloned(), family, Digest::from_bytes([byte; 32]));
        let own = self.by_owner.range(place(first, 0)..=place(last, u8::MAX));
        own.filter_map(|(.., key)| Some((key, self.get(key)?)))
    }

    /// Removes the rows of one owner but for one, and tells how many.
    pub(super) fn remove_all_of(&mut self, owner: &UserId, except: Option<&Digest>) -> u64 {
        let keys: Vec<_> = self.of(owner).map(|(key, _)| *key).filter(|key| Some(key) != except).collect();
        keys.iter().map(|key| u64::from(self.remove(key))).sum()
    }

    /// Finds at most `limit` rows that ended by `now`.
    pub(super) fn ended(&self, now: Timestamp, limit: u32) -> Vec<Digest> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let ended = self.rows.iter().filter(|(_, row)| row.ends_at() <= now);
        ended.map(|(key, _)| Digest::from_bytes(*key)).take(limit).collect()
    }

    /// Removes those of the rows that (still) have ended by `now`, and tells how many.
    pub(super) fn remove_ended(&mut self, keys: &[Digest], now: Timestamp) -> u64 {
        let mut removed = 0;
        for key in keys {
            let ended = self.get(key).is_some_and(|row| row.ends_at() <= now);
            removed += u64::from(ended && self.remove(key));
        }
        removed
    }

    fn sweep(&mut self, before: Timestamp) {
        let from = self.hand.take().map_or(Bound::Unbounded, Bound::Excluded);
        let places: Vec<_> = self.by_owner.range((from, Bound::Unbounded)).take(STEPS).cloned().collect();
        let keys: Vec<_> = places.iter().map(|(.., key)| *key).collect();
        self.remove_ended(&keys, before);
        self.hand = places.into_iter().next_back();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.rows.len(), self.by_owner.len());
        self.rows.len()
    }
}

fn place<R: Row>(row: &R, key: Digest) -> Place<R> {
    (row.owner().cloned(), row.family(), key)
}

/// Hashes a digest to its first eight bytes: the SHA-256 of a random secret is uniform as it is, and whoever could choose
/// these bytes could find the secrets.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_ne_bytes(*first);
        }
    }

    /// The length that precedes the bytes is always 32.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lease(Option<UserId>, Timestamp);

    impl Row for Lease {
        type Family = ();

        const FAMILIES: ((), ()) = ((), ());

        fn owner(&self) -> Option<&UserId> {
            self.0.as_ref()
        }

        fn family(&self) {}

        fn ends_at(&self) -> Timestamp {
            self.1
        }
    }

    #[test]
    fn ended_rows_are_swept_while_others_are_added() {
        let mut table = Table::default();
        let life = Duration::from_secs(60);
        for second in 0..100_000 {
            let now = Timestamp::from_seconds(second);
            let owner = (second % 7 > 0).then(|| UserId::from(second % 1_000));
            assert!(table.add(Digest::of(&second.to_string()), Lease(owner, now.after(life)), now));
        }
        let kept = 60 * 60 + 60;
        assert!((kept..=kept * 3 / 2).contains(&table.len()), "{} rows for {kept} live ones", table.len());
    }

    #[test]
    fn what_is_alive_is_never_swept() {
        let mut table = Table::default();
        for second in 0..10_000 {
            let owner = Some(UserId::from(second % 3));
            let row = Lease(owner, Timestamp::from_seconds(1_000_000));
            assert!(table.add(
                Digest::of(&second.to_string()),
                row,
                Timestamp::from_seconds(900_000 + second)
            ));
        }
        assert_eq!(table.len(), 10_000);
    }

    #[test]
    fn keys_that_share_the_hashed_bytes_stay_apart() {
        let mut table = Table::default();
        let spell = |last: u8| Digest::from_bytes(std::array::from_fn(|at| if at == 31 { last } else { 0 }));
        let keys: Vec<_> = (0..=255).map(spell).collect();
        for key in &keys {
            assert!(table.add(*key, Lease(None, Timestamp::MAX), Timestamp::EPOCH));
        }
        assert!(table.remove(&keys[7]));
        assert_eq!(keys.iter().filter(|key| table.get(key).is_some()).count(), 255);
    }

    #[test]
    fn a_row_moves_to_its_new_owner() {
        let (key, alice, bob) = (Digest::of("key"), UserId::from("alice"), UserId::from("bob"));
        let mut table = Table::default();
        table.add(key, Lease(Some(alice.clone()), Timestamp::MAX), Timestamp::EPOCH);
        assert!(table.replace(&key, Lease(Some(bob.clone()), Timestamp::MAX)));
        assert_eq!((table.of(&alice).count(), table.of(&bob).count(), table.len()), (0, 1, 1));
        assert!(!table.remove_of(&alice, &key));
        assert!(table.remove_of(&bob, &key));
        assert_eq!(table.len(), 0);
    }
}
