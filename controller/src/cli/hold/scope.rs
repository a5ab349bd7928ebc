//! What a Hold stops: from flags and as flags, as the beginning of its name, and against what other Holds stop.

use clap::Args;
use nodemend_core::snapshot::{HoldScope, Snapshot};

/// What is stopped.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct Scope {
    /// Everything
    #[arg(long, conflicts_with_all = ["pool", "policy", "run", "node", "playbook"])]
    cluster: bool,
    /// One pool, or with --playbook one playbook in it
    #[arg(long, value_name = "POOL", conflicts_with_all = ["policy", "run", "node"])]
    pool: Option<String>,
    /// Everything that one policy started
    #[arg(long, value_name = "NAME", conflicts_with_all = ["run", "node", "playbook"])]
    policy: Option<String>,
    /// One run
    #[arg(long, value_name = "NAME", conflicts_with_all = ["node", "playbook"])]
    run: Option<String>,
    /// One node
    #[arg(long, value_name = "NAME", conflicts_with = "playbook")]
    node: Option<String>,
    /// One playbook (its name without version) in the pool
    #[arg(long, value_name = "NAME", requires = "pool")]
    playbook: Option<String>,
}

impl Scope {
    /// The scope that the flags name.
    pub(super) fn scope(&self) -> Option<HoldScope> {
        let name = |name: &Option<String>| name.clone();
        if self.cluster {
            return Some(HoldScope::Cluster {});
        }
        if let (Some(name), Some(pool)) = (name(&self.playbook), name(&self.pool)) {
            return Some(HoldScope::Playbook { name, pool });
        }
        let pool = name(&self.pool).map(|name| HoldScope::Pool { name });
        let policy = || name(&self.policy).map(|name| HoldScope::Policy { name });
        let run = || name(&self.run).map(|name| HoldScope::Run { name });
        let node = || name(&self.node).map(|name| HoldScope::Node { name });
        pool.or_else(policy).or_else(run).or_else(node)
    }
}

/// The beginning of the name of a Hold with this scope.
pub(super) fn prefix(scope: &HoldScope) -> String {
    let text = match scope {
        HoldScope::Cluster {} => "cluster".to_owned(),
        HoldScope::Pool { name } => format!("pool-{name}"),
        HoldScope::Policy { name } => format!("policy-{name}"),
        HoldScope::Run { name } => format!("run-{name}"),
        HoldScope::Node { name } => format!("node-{name}"),
        HoldScope::Playbook { name, pool } => format!("{name}-{pool}"),
    };
    format!("{}-", text.chars().take(200).collect::<String>())
}

/// The flags that name a scope.
pub(super) fn as_flags(scope: &HoldScope) -> String {
    match scope {
        HoldScope::Cluster {} => "--cluster".to_owned(),
        HoldScope::Pool { name } => format!("--pool {name}"),
        HoldScope::Policy { name } => format!("--policy {name}"),
        HoldScope::Run { name } => format!("--run {name}"),
        HoldScope::Node { name } => format!("--node {name}"),
        HoldScope::Playbook { name, pool } => format!("--playbook {name} --pool {pool}"),
    }
}

/// Whether two scopes can stop the same thing.
pub(super) fn overlap(snapshot: &Snapshot, a: &HoldScope, b: &HoldScope) -> bool {
    use HoldScope::{Cluster, Node, Playbook, Policy, Run};
    match (a, b) {
        (Cluster {}, _) | (_, Cluster {}) => true,
        (Node { name: a }, Node { name: b })
        | (Run { name: a }, Run { name: b })
        | (Policy { name: a }, Policy { name: b })
        | (Playbook { name: a, .. }, Playbook { name: b, .. })
            if a != b =>
        {
            false
        }
        _ => pools(snapshot, a).iter().any(|pool| pools(snapshot, b).contains(pool)),
    }
}

/// The pools that a scope reaches into.
fn pools(snapshot: &Snapshot, scope: &HoldScope) -> Vec<String> {
    match scope {
        HoldScope::Cluster {} => snapshot.pools.keys().cloned().collect(),
        HoldScope::Pool { name } | HoldScope::Playbook { pool: name, .. } => vec![name.clone()],
        HoldScope::Policy { name } => {
            snapshot.policies.get(name).map(|policy| policy.pools.clone()).unwrap_or_default()
        }
        HoldScope::Run { name } => {
            snapshot.runs.get(name).map(|run| run.request.pool.clone()).into_iter().collect()
        }
        HoldScope::Node { name } => {
            let node = snapshot.nodes.get(&name.as_str().into());
            let pools = node.map(|node| snapshot.pools_of(node)).unwrap_or_default();
            pools.into_iter().map(str::to_owned).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::world;

    fn pool(name: &str) -> HoldScope {
        HoldScope::Pool { name: name.to_owned() }
    }

    fn node(name: &str) -> HoldScope {
        HoldScope::Node { name: name.to_owned() }
    }

    #[test]
    fn scopes_overlap_where_they_reach_into_the_same_pool() {
        let world = world();
        let overlaps = |a: &HoldScope, b: &HoldScope| overlap(&world, a, b);
        assert!(overlaps(&HoldScope::Cluster {}, &node("nobody")));
        assert!(overlaps(&pool("web"), &node("web-1")));
        assert!(overlaps(&HoldScope::Policy { name: "old-systemd".into() }, &pool("web")));
        assert!(overlaps(&HoldScope::Run { name: "old-1".into() }, &node("web-2")));
        assert!(!overlaps(&pool("web"), &pool("db")));
        assert!(!overlaps(&pool("web"), &node("alone")), "in no pool");
        assert!(!overlaps(&node("web-1"), &node("web-2")), "two nodes of one pool");
    }
}
