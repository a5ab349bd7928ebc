//! `stop` and `release`, `pause` and `resume`.

use crate::cluster::Cluster;

pub(crate) fn stop_and_release(cluster: &Cluster) {
    let stopped = cluster.says(&["stop", "--pool", "web", "--reason", "freeze", "--until", "2h"]);
    let pool = cluster.names("holds").pop().unwrap();
    assert!(stopped.contains(&format!("hold/{pool} created: pool web is stopped until ")), "{stopped}");
    let spec = &cluster.object("hold", &pool)["spec"];
    assert_eq!(
        (spec["scope"]["pool"]["name"].as_str(), spec["reason"].as_str()),
        (Some("web"), Some("freeze"))
    );
    let user = cluster.kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(spec["heldBy"], user.trim(), "as the API server knows whoever asks");

    cluster.says(&["stop", "--cluster", "--reason", "incident"]);
    assert!(cluster.says(&["plan", "--policy", "old-systemd"]).contains("nodemend release cluster-"));
    let released = cluster.says(&["release", &pool]);
    assert!(released.contains("still stopped by hold/cluster-"), "{released}");

    let asked = cluster.ask(&["release", "--all"]);
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{}", asked.stderr);
    cluster.says(&["release", "--all", "--yes"]);
    assert!(cluster.names("holds").is_empty());

    for misspelt in [["--pool", "wbe"], ["--node", "wbe-1"], ["--policy", "odl"]] {
        let answer = cluster.ask(&["stop", misspelt[0], misspelt[1], "--reason", "x"]);
        assert!(answer.code == Some(1) && answer.stderr.contains("there is no "), "{}", answer.stderr);
    }
    let playbook = cluster.ask(&["stop", "--playbook", "nope", "--pool", "web", "--reason", "x"]);
    assert!(playbook.stderr.contains("there is no Playbook named nope"), "{}", playbook.stderr);
    assert!(cluster.names("holds").is_empty(), "a Hold that stops nothing is not made");
}

pub(crate) fn pause_and_resume(cluster: &Cluster) {
    let paused = cluster.says(&["pause", "--pool", "web", "--reason", "release at noon"]);
    assert!(paused.contains("pool web is paused\n`nodemend resume --pool web` lets it go on"), "{paused}");
    let name = cluster.names("holds").pop().unwrap();
    assert_eq!(cluster.object("hold", &name)["spec"]["level"], "Pause");
    cluster.says(&["stop", "--pool", "web", "--reason", "incident"]);
    let resumed = cluster.says(&["resume", "--pool", "web"]);
    assert!(resumed.contains(&format!("hold/{name} released")) && resumed.contains("incident"), "{resumed}");
    let again = cluster.ask(&["resume", "--pool", "web"]);
    assert!(again.code == Some(1) && again.stderr.contains("nothing pauses pool web"), "{}", again.stderr);
    cluster.says(&["release", "--all", "--yes"]);
}
