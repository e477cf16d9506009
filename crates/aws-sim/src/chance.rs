//! Numbers that look random and are always the same: everything the simulator invents is a function of a seed.

/// SplitMix64's finalizer: every bit of the input touches every bit of the output, and no two inputs collide.
pub(crate) fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The inverse of [`mix`]: an instance is found by its identifier without a table of identifiers.
pub(crate) fn unmix(mut x: u64) -> u64 {
    x ^= (x >> 31) ^ (x >> 62);
    x = x.wrapping_mul(0x3196_42b2_d24d_8ec3);
    x ^= (x >> 27) ^ (x >> 54);
    x = x.wrapping_mul(0x96de_1b17_3f11_9089);
    x ^ (x >> 30) ^ (x >> 60)
}

/// One number for a text, under a seed.
pub(crate) fn of_text(seed: u64, text: &str) -> u64 {
    text.bytes().fold(mix(seed ^ 0x9e37_79b9_7f4a_7c15), |state, byte| {
        mix(state ^ u64::from(byte))
    })
}

/// `length` characters out of `alphabet`, for a seed.
pub(crate) fn letters(seed: u64, length: usize, alphabet: &[u8]) -> String {
    let mut chance = Chance::new(seed);
    (0..length)
        .map(|_| char::from(alphabet[chance.below(alphabet.len() as u64) as usize]))
        .collect()
}

/// Capital letters and digits of base 32, as access key ids are made of.
pub(crate) const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What secret access keys and session tokens are made of.
pub(crate) const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A sequence of such numbers.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number smaller than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True in `percent` of 100 cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the choices.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unmix_undoes_mix() {
        for x in [0, 1, 2, 0xdead_beef, u64::MAX, 1 << 63] {
            assert_eq!(unmix(mix(x)), x);
            assert_eq!(mix(unmix(x)), x);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_letters() {
        assert_eq!(letters(7, 16, BASE32), letters(7, 16, BASE32));
        assert_ne!(letters(7, 16, BASE32), letters(8, 16, BASE32));
    }
}
