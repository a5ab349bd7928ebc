//! How one node's repair will go: how long each phase takes, and how it ends. Drawn once, from seed and node.

use super::random::Random;
use crate::actions::Do;
use crate::ids::NodeUid;
use crate::playbook::Step;
use crate::time::Span;

/// What repairs are like in a simulated cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Settings {
    /// What everything is drawn from.
    pub seed: u64,
    /// The shortest time in which a node is repaired, from its start to its uncordon.
    pub node_time: Span,
    /// How much longer it may take, in percent of `node_time`; drawn evenly.
    pub spread: u32,
    /// Repairs that fail while the host is unchanged, per million.
    pub failures: u32,
    /// Repairs that end held, with a changed host that does not pass its check, per million.
    pub helds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, node_time: Span::minutes(10), spread: 0, failures: 0, helds: 0 }
    }
}

/// How a repair ends if nobody interferes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// Repaired, and proven.
    Repaired,
    /// Fails in `Prepare`: the node was never cordoned.
    FailsInPrepare,
    /// Fails in the drain: our cordon is lifted again.
    FailsInDrain,
    /// The check still fails on the changed host: held for a person.
    Held,
}

/// What a playbook does to a node, as far as others can see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Whether it cordons.
    pub cordons: bool,
    /// Whether it restarts the machine.
    pub reboots: bool,
}

impl Shape {
    /// The shape of these steps.
    pub fn of(steps: &[Step]) -> Self {
        let any = |wanted: fn(&Do) -> bool| steps.iter().any(|step| wanted(&step.action));
        Self {
            cordons: any(|action| matches!(action, Do::Cordon(_))),
            reboots: any(|action| matches!(action, Do::Reboot(_))),
        }
    }
}

/// How one repair goes. The phases add up to the node's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Course {
    /// Until the node is cordoned.
    pub prepare: Span,
    /// Until it is empty.
    pub drain: Span,
    /// Until the host is changed.
    pub repair: Span,
    /// Until the machine is back; nothing for a playbook that does not restart it.
    pub reboot: Span,
    /// Until it is proven.
    pub verify: Span,
    /// How it ends.
    pub fate: Fate,
}

impl Course {
    /// The course of the repair of `node`.
    pub fn draw(settings: &Settings, node: &NodeUid, shape: Shape) -> Self {
        let mut random = Random::of(settings.seed, node.as_str());
        let least = settings.node_time.0.max(0);
        let spread = u64::try_from(least).unwrap_or(0) / 100 * u64::from(settings.spread);
        let total = least.saturating_add(i64::try_from(random.below(spread + 1)).unwrap_or(0));
        let part = |percent: i64| Span(total / 100 * percent);
        let (prepare, drain, verify) = (part(10), part(30), part(10));
        let reboot = if shape.reboots { part(30) } else { Span(0) };
        let repair = Span(total - prepare.0 - drain.0 - verify.0 - reboot.0);
        Self { prepare, drain, repair, reboot, verify, fate: fate(settings, &mut random) }
    }
}

fn fate(settings: &Settings, random: &mut Random) -> Fate {
    if random.happens(settings.failures) {
        return if random.happens(500_000) { Fate::FailsInPrepare } else { Fate::FailsInDrain };
    }
    if random.happens(settings.helds) { Fate::Held } else { Fate::Repaired }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { cordons: true, reboots: true };

    fn total(course: &Course) -> i64 {
        course.prepare.0 + course.drain.0 + course.repair.0 + course.reboot.0 + course.verify.0
    }

    #[test]
    fn the_phases_add_up_to_at_least_the_nodes_time_and_at_most_the_spread_more() {
        let settings = Settings { spread: 20, ..Settings::default() };
        let times: Vec<i64> =
            (0..200).map(|n| total(&Course::draw(&settings, &format!("n{n}").into(), SHAPE))).collect();
        let (least, most) = (settings.node_time.0, settings.node_time.0 * 120 / 100);
        assert!(times.iter().all(|time| (least..=most).contains(time)), "{times:?}");
        assert!(times.iter().max() > times.iter().min(), "nothing is drawn");
        let calm = Course::draw(&settings, &"n1".into(), Shape { cordons: true, reboots: false });
        assert_eq!((total(&calm), calm.reboot), (times[1], Span(0)));
    }

    #[test]
    fn as_many_fail_as_the_settings_say() {
        let settings = Settings { failures: 100_000, helds: 100_000, ..Settings::default() };
        let fates: Vec<Fate> =
            (0..2000).map(|n| Course::draw(&settings, &format!("n{n}").into(), SHAPE).fate).collect();
        let count = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count();
        let failed = count(Fate::FailsInPrepare) + count(Fate::FailsInDrain);
        assert!((150..250).contains(&failed), "{failed} of 2000 failed");
        assert!((130..240).contains(&count(Fate::Held)), "{} of 2000 are held", count(Fate::Held));
    }
}
