//! Sagas that are cut off anywhere: nothing is done twice, nothing is left behind, and they end the same.

use proptest::prelude::*;

use super::world::{Luck, World, hold};
use crate::saga::{Mode, Outcome};

pub(super) fn luck() -> impl Strategy<Value = Vec<Luck>> {
    let one = prop_oneof![
        6 => Just(Luck::Fine),
        2 => Just(Luck::Crash),
        1 => Just(Luck::NotSent),
        1 => Just(Luck::AnswerLost),
        1 => Just(Luck::WriteLost),
        1 => Just(Luck::WriteUnheard),
    ];
    prop::collection::vec(one, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// SAFETY 1: whatever is lost, and however often the controller dies.
    #[test]
    fn nothing_happens_twice_and_nothing_is_left_behind(luck in luck(), cordoned_before: bool) {
        let mut world = World::new();
        world.host.unschedulable = cordoned_before;
        world.run(&luck);
        let host = &world.host;
        prop_assert!(host.installs <= 1 && host.reboots <= 1, "{:?}", host.sent);
        match world.stored.outcome {
            Some(Outcome::Repaired) => prop_assert!(host.repaired && host.reboots == 1),
            // Very bad luck may exhaust the attempts at a job; never silently.
            Some(Outcome::Failed) => prop_assert_eq!(world.end().2, "JobNeverStarted"),
            // The same with a restart, on a host that is changed already.
            _ => prop_assert_eq!(world.end(), (Mode::Held, None, "JobNeverStarted")),
        }
        if world.stored.is_finished() {
            prop_assert_eq!(host.unschedulable, cordoned_before, "left as it was found");
            prop_assert!(host.mark.is_none() && !host.told);
        }
    }

    /// SAFETY 12: after a stop is seen nothing but giving back happens, and lifting it lets the repair end.
    #[test]
    fn a_stop_at_any_moment_starts_nothing_more(
        looks in 0_usize..60,
        before in luck(),
        crashes in prop::collection::vec(prop_oneof![3 => Just(Luck::Fine), 1 => Just(Luck::Crash)], 60),
    ) {
        let mut world = World::new();
        for at in 0..looks {
            world.look(*before.get(at).unwrap_or(&Luck::Fine));
        }
        prop_assume!(world.stored.mode != Mode::Held && world.stored.outcome.is_none());
        world.stop = Some(hold());
        let sent = world.host.sent.len();
        for luck in &crashes {
            world.look(*luck);
        }
        prop_assert_eq!(world.host.sent.len(), sent, "{:?}", &world.host.sent);
        // A repair whose last step was under way may come to its end.
        prop_assert!(world.stored.outcome.is_none_or(|outcome| outcome == Outcome::Repaired));
        prop_assert!(world.host.installs > 0 || world.host.mark.is_none(), "an unchanged host is given back");
        world.stop = None;
        for _ in 0..400 {
            world.look(Luck::Fine);
        }
        prop_assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
        prop_assert!(world.host.installs == 1 && world.host.reboots == 1 && !world.host.unschedulable);
    }
}

/// Every pair of moments, not a sample of them.
#[test]
fn the_controller_may_die_at_any_two_moments() {
    let mut calm = World::new();
    let looks = (0..5000).take_while(|_| calm.look(Luck::Fine)).count();
    for luck in [Luck::Crash, Luck::AnswerLost, Luck::WriteUnheard] {
        for first in 0..looks {
            for second in first..looks + 4 {
                let mut moments = vec![Luck::Fine; looks + 4];
                (moments[first], moments[second]) = (luck, Luck::Crash);
                let mut world = World::new();
                world.run(&moments);
                assert_eq!(world.stored.outcome, Some(Outcome::Repaired), "{luck:?} at {first}, {second}");
                assert_eq!(
                    (world.host.installs, world.host.reboots),
                    (1, 1),
                    "{luck:?} at {first}, {second}"
                );
            }
        }
    }
}
