//! Undo, cut off anywhere: every failure ends restored or held, nothing is put back twice, and undos end the same.

use proptest::prelude::*;

use super::properties::luck;
use super::undo::{is_as_before, unproven};
use super::world::{BEFORE, Luck, TARGET, World};
use crate::saga::{Mode, Outcome};

/// What fails, in any combination.
fn failing() -> impl Strategy<Value = (bool, bool, bool, bool)> {
    (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.2))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// SAFETY 38: nothing is put back twice or by halves, whatever fails and however often the controller dies.
    #[test]
    fn every_failure_ends_restored_or_held(
        (verification, install, reboot, gone) in failing(),
        luck in luck(),
        cordoned_before: bool,
    ) {
        let mut world = World::undoable();
        world.host.unschedulable = cordoned_before;
        world.host.verification_fails = verification;
        world.host.install_fails = install;
        world.host.reboot_fails = reboot;
        world.host.version_is_gone = gone;
        world.run(&luck);
        let host = &world.host;
        prop_assert!(host.installs <= 1 && host.put_back <= 1 && host.reboots <= 2, "{:?}", host.sent);
        let sent = |name: &str| host.sent.iter().filter(|sent| **sent == name).count();
        prop_assert!(sent("undo") <= 1, "one transaction back: {:?}", host.sent);
        match (world.stored.mode, world.stored.outcome) {
            (Mode::Finished, Some(Outcome::Failed)) => {
                prop_assert_eq!((&host.installed[..], &host.running[..]), (BEFORE, BEFORE), "restored to prior");
            }
            (Mode::Finished, Some(Outcome::Repaired)) => {
                prop_assert!(!verification && !install && !reboot);
                prop_assert_eq!(&host.running[..], TARGET);
            }
            // Held, never silently: the undo failed, or bad luck used up the attempts at a job.
            (mode, outcome) => prop_assert!(
                (mode, outcome) == (Mode::Held, None) && ["UndoFailed", "JobNeverStarted"].contains(&world.end().2),
                "{:?}", world.stored
            ),
        }
        if world.stored.is_finished() {
            prop_assert_eq!(host.unschedulable, cordoned_before, "left as it was found");
            prop_assert!(host.mark.is_none() && !host.told);
        } else {
            prop_assert!(host.unschedulable && host.told, "a person finds it");
        }
    }
}

/// Every pair of moments of a repair that is undone, not a sample of them.
#[test]
fn the_controller_may_die_at_any_two_moments_of_an_undo() {
    let mut calm = unproven();
    let looks = (0..5000).take_while(|_| calm.look(Luck::Fine)).count();
    for luck in [Luck::Crash, Luck::AnswerLost, Luck::WriteUnheard, Luck::WriteLost] {
        for first in 0..looks {
            for second in first..looks + 4 {
                let mut moments = vec![Luck::Fine; looks + 4];
                (moments[first], moments[second]) = (luck, Luck::Crash);
                let mut world = unproven();
                world.run(&moments);
                assert_eq!(
                    world.end(),
                    (Mode::Finished, Some(Outcome::Failed), "RolledBack"),
                    "{luck:?} {first} {second}"
                );
                assert!(is_as_before(&world), "{luck:?} at {first}, {second}");
                assert_eq!((world.host.installs, world.host.put_back, world.host.reboots), (1, 1, 2));
            }
        }
    }
}
