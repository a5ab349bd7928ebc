//! Playing one story on one node with one plan, from a clean table to a clean table.

use std::time::{Duration, Instant};

use nodemend_bed::scale::{PlainFault, PlainNodes};
use nodemend_proxy::{Plan, Seen};
use serde_json::Value;

use super::cluster::ours;
use super::oracle::{Evidence, State};
use super::site::Site;
use super::story::{self, RUN, Story, pool_name};
use crate::{E2eError, objects};

/// How often it is looked at how things stand.
const LOOK: Duration = Duration::from_millis(200);
/// How long a pod may take to be scheduled and run, and a table to be cleared.
const PREPARED: Duration = Duration::from_secs(30);
/// Kinds of ours that a plan leaves behind. The guard too, so that each plan begins with the first epoch.
const LEFT_BEHIND: [&str; 6] =
    ["remediations", "repairruns", "planpages", "diagnosisreports", "repairpools", "repairguards"];
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// How a story ended.
#[derive(Debug)]
pub struct Ended {
    /// What is left.
    pub state: State,
    /// Why the node was left to a person, if it was.
    pub held: Option<String>,
    /// Whether every rule of the plan has acted.
    pub acted: bool,
    /// Every request and connection, in order.
    pub seen: Vec<Seen>,
    /// How long the controller took.
    pub took: Duration,
    /// Run and journal in a few words, for whoever looks for a cause.
    pub summary: String,
}

/// Plays a story with these faults, on the site's next node. `and` are faults of the host beside those of the story. It is
/// over when the node is as `until` says, when it is left to a person, or at the deadline.
pub fn play(
    site: &mut Site,
    (story, plan): (Story, &Plan),
    and: &[PlainFault],
    deadline: Duration,
    until: impl Fn(&State) -> bool,
) -> Result<Ended, E2eError> {
    let Some(number) = site.next_node() else { return Err(no_node()) };
    let scene = Scene { site, story, number };
    scene.set_up(and)?;
    scene.site.engine.load(plan.clone());
    let played = scene.run(deadline, until);
    scene.site.end_controller();
    scene.clear_up()?;
    played
}

struct Scene<'a> {
    site: &'a Site,
    story: Story,
    number: usize,
}

impl Scene<'_> {
    fn set_up(&self, and: &[PlainFault]) -> Result<(), E2eError> {
        let (cluster, hosts) = (&self.site.cluster, &self.site.hosts);
        for fault in self.story.fault().iter().chain(and) {
            hosts.inject(self.number, *fault)?;
        }
        cluster.create(&ours("repairguards", ""), &objects::guard())?;
        cluster.create(&ours("repairpools", ""), &story::pool(self.number, self.site.login()))?;
        if self.story.drains() {
            cluster.create(REPLICA_SETS, &story::workload(self.number))?;
            self.wait("the pod to run", |scene| {
                let pods = scene.site.cluster.list(PODS)?;
                Ok(pods.iter().any(|pod| pod["status"]["phase"] == "Running"))
            })?;
        }
        Ok(())
    }

    /// From the start of the controller to the end of the story.
    fn run(&self, deadline: Duration, until: impl Fn(&State) -> bool) -> Result<Ended, E2eError> {
        let started = Instant::now();
        let mut asked = false;
        loop {
            self.site.ensure_controller()?;
            if !asked && self.is_found()? {
                self.site.cluster.create(&ours("repairruns", ""), &self.story.run(self.number))?;
                asked = true;
            }
            let evidence = self.evidence()?;
            let (held, summary) = (evidence.held(), summary(&evidence));
            let state = evidence.state(&self.site.hosts.state(self.number)?);
            if held.is_some() || (asked && until(&state)) || started.elapsed() > deadline {
                let (acted, seen) = (self.site.engine.has_acted(), self.site.engine.seen());
                return Ok(Ended { state, held, acted, seen, took: started.elapsed(), summary });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether the controller knows the finding that is to be repaired: a run that it plans before has no nodes.
    fn is_found(&self) -> Result<bool, E2eError> {
        if !self.story.is_found() {
            return Ok(true);
        }
        let pool = self.site.cluster.get(&ours("repairpools", &pool_name(self.number)))?;
        let failing = pool.as_ref().and_then(|pool| pool.pointer("/status/counts/failing"));
        Ok(failing.and_then(Value::as_u64).is_some_and(|failing| failing > 0))
    }

    fn evidence(&self) -> Result<Evidence, E2eError> {
        let (cluster, node) = (&self.site.cluster, PlainNodes::name(self.number));
        let lease = format!("/apis/coordination.k8s.io/v1/namespaces/medik8s-leases/leases/node-{node}");
        let guard = cluster.get(&ours("repairguards", "cluster"))?;
        let pool = cluster.get(&ours("repairpools", &pool_name(self.number)))?;
        Ok(Evidence {
            run: cluster.get(&ours("repairruns", RUN))?,
            remediation: cluster.list(&ours("remediations", ""))?.pop(),
            node: cluster.get(&format!("/api/v1/nodes/{node}"))?,
            lease: cluster.get(&lease)?,
            granting: guard.into_iter().chain(pool).collect(),
        })
    }

    /// Takes everything away that could be mistaken for a part of the next plan.
    fn clear_up(&self) -> Result<(), E2eError> {
        let cluster = &self.site.cluster;
        for kind in LEFT_BEHIND {
            for object in cluster.list(&ours(kind, ""))? {
                let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
                cluster.unfinalize(&ours(kind, name))?;
            }
            cluster.remove(&ours(kind, ""))?;
        }
        cluster.remove(&format!("{REPLICA_SETS}/{}", pool_name(self.number)))?;
        cluster.remove(&format!("/api/v1/nodes/{}", PlainNodes::name(self.number)))?;
        self.wait("the table to be clear", |scene| {
            let mut left = scene.site.cluster.list(PODS)?.len();
            if left > 0 {
                // At once, and those too that were made before the replica set was known to be gone.
                scene.site.cluster.remove(&format!("{PODS}?gracePeriodSeconds=0"))?;
            }
            for kind in LEFT_BEHIND {
                left += scene.site.cluster.list(&ours(kind, ""))?.len();
            }
            Ok(left == 0)
        })
    }

    fn wait(&self, what: &str, done: impl Fn(&Self) -> Result<bool, E2eError>) -> Result<(), E2eError> {
        let started = Instant::now();
        while !done(self)? {
            if started.elapsed() > PREPARED {
                let situation = self.site.stage().situation();
                return Err(E2eError::Deadline { what: what.to_owned(), waited: PREPARED, situation });
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}

fn summary(evidence: &Evidence) -> String {
    use crate::journal::{Journal, Run};
    let run = evidence.run.clone().map_or_else(|| "no run".to_owned(), |run| Run(run).summary());
    let journal = evidence.remediation.clone().map_or_else(String::new, |found| Journal(found).summary());
    format!("{run}\n{journal}")
}

fn no_node() -> E2eError {
    E2eError::Answer { request: "the site's next node".into(), problem: "all of them have been used".into() }
}
