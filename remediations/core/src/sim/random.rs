//! Numbers that look drawn and are not: the same seed gives the same, on every machine and in every order of asking.

/// A stream of numbers (`SplitMix64`: one addition and two multiplications each, no state beside the counter).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Random(u64);

impl Random {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for `name`, so that what is drawn for one node does not depend on the others.
    pub fn of(seed: u64, name: &str) -> Self {
        // FNV-1a: short names that differ in one letter must not give neighbouring streams, which mixing sees to.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(seed ^ mix(hash)))
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 to `bound`, which it does not reach; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.draw()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Whether something happens that does so `per_million` times in a million.
    pub fn happens(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// One of `choices`; `None` if there is none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(usize::try_from(self.below(choices.len() as u64)).unwrap_or(0))
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_a_name_its_own() {
        let numbers = |mut random: Random| [random.draw(), random.draw(), random.draw()];
        assert_eq!(numbers(Random::new(1)), numbers(Random::new(1)));
        assert_ne!(numbers(Random::new(1)), numbers(Random::new(2)));
        assert_ne!(numbers(Random::of(1, "node-1")), numbers(Random::of(1, "node-2")));
    }

    #[test]
    fn numbers_spread_evenly_below_their_bound() {
        let mut random = Random::new(7);
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[usize::try_from(random.below(10)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        let often = (0..10_000).filter(|_| random.happens(250_000)).count();
        assert!((2200..2800).contains(&often), "{often}");
        assert_eq!((random.below(0), random.happens(0)), (0, false));
    }
}
