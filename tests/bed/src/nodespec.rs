//! How hosts are written on the command line of `bed up --nodes`.

use nodemend_bed::HostSpec;

/// The help text's summary of what [`parse`] understands.
pub(crate) const SYNTAX: &str = "COUNT | NAME[,pool=POOL][,zone=ZONE][,systemd=VERSION-RELEASE]";

/// Reads one argument: a count stands for hosts `node-1`, `node-2`, …; a name may be followed by what differs from the defaults.
pub(crate) fn parse(argument: &str) -> Result<Vec<HostSpec>, String> {
    if let Ok(count) = argument.parse::<u8>() {
        return Ok((1..=count).map(|number| HostSpec::new(&format!("node-{number}"))).collect());
    }
    let mut parts = argument.split(',');
    let mut spec = HostSpec::new(parts.next().unwrap_or_default());
    for part in parts {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=VALUE; write {SYNTAX}"))?;
        let field = match key {
            "pool" => &mut spec.pool,
            "zone" => &mut spec.zone,
            "systemd" => &mut spec.systemd,
            _ => return Err(format!("`{key}` is not a property of a host; write {SYNTAX}")),
        };
        value.clone_into(field);
    }
    Ok(vec![spec])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_makes_numbered_hosts() {
        let names: Vec<_> = parse("2").unwrap().into_iter().map(|host| host.name).collect();
        assert_eq!(names, ["node-1", "node-2"]);
    }

    #[test]
    fn properties_override_the_defaults() {
        let host = parse("db-1,pool=databases,zone=b").unwrap().remove(0);
        assert_eq!((host.name.as_str(), host.pool.as_str(), host.zone.as_str()), ("db-1", "databases", "b"));
        assert_eq!(host.systemd, HostSpec::new("x").systemd);
    }

    #[test]
    fn faults_are_named() {
        assert!(parse("a,rack=1").unwrap_err().contains("`rack` is not a property"));
        assert!(parse("a,pool").unwrap_err().contains("`pool` is not KEY=VALUE"));
    }
}
