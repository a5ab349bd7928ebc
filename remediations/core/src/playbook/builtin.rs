//! The playbooks that come with the program, as they stand in `playbooks/`.

/// A playbook file that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Where the file stands below `playbooks/`.
    pub path: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! builtin {
    ($path:literal) => {
        Builtin { path: $path, text: include_str!(concat!("../../../../playbooks/", $path)) }
    };
}

/// Every playbook that comes with the program, each once per version, the oldest version first.
pub const ALL: [Builtin; 5] = [
    builtin!("drain-and-reboot/1.0.0.yaml"),
    builtin!("restart-containerd/1.0.0.yaml"),
    builtin!("restart-kubelet/1.0.0.yaml"),
    builtin!("upgrade-systemd/1.0.0.yaml"),
    builtin!("upgrade-systemd/1.1.0.yaml"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::actions::Do;
    use crate::playbook::lint::{document, lint};
    use crate::playbook::params::resolve;
    use crate::playbook::{Phase, Playbook};

    fn playbooks() -> impl Iterator<Item = (&'static str, Playbook)> {
        ALL.into_iter().map(|builtin| match lint(builtin.text) {
            Ok(playbook) => (builtin.path, playbook),
            Err(faults) => panic!("{}: {faults:#?}", builtin.path),
        })
    }

    #[test]
    fn every_file_is_free_of_faults_and_stands_under_its_name_and_version() {
        for (path, playbook) in playbooks() {
            assert_eq!(path, format!("{}/{}.yaml", playbook.name, playbook.version));
        }
    }

    #[test]
    fn every_file_in_the_folder_comes_with_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks");
        let mut found = Vec::new();
        for name in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
        {
            for file in name.read_dir().unwrap() {
                found.push(file.unwrap().path().strip_prefix(&folder).unwrap().display().to_string());
            }
        }
        found.sort();
        assert_eq!(found, ALL.map(|builtin| builtin.path.to_owned()));
    }

    #[test]
    fn upgrade_systemd_puts_its_target_into_both_package_steps() {
        let (_, playbook) = playbooks().find(|(path, _)| path.starts_with("upgrade-systemd/")).unwrap();
        let target = BTreeMap::from([("targetVersion".to_owned(), "219-78.el7_9.9".to_owned())]);
        let steps = resolve(&playbook, &target).unwrap();
        let versions: Vec<_> = steps
            .iter()
            .filter_map(|step| match &step.action {
                Do::PackagePrepare(prepare) => {
                    Some((step.phase, prepare.version.as_str(), prepare.allow.clone()))
                }
                Do::PackageInstall(install) => {
                    Some((step.phase, install.version.as_str(), install.allow.clone()))
                }
                _ => None,
            })
            .collect();
        let [(first, prepared, allow), (second, installed, allowed)] = &versions[..] else {
            panic!("{versions:?}")
        };
        assert_eq!((*first, *second), (Phase::Prepare, Phase::Repair));
        assert_eq!((*prepared, *installed), ("219-78.el7_9.9", "219-78.el7_9.9"));
        assert_eq!(allow, allowed);
        assert!(resolve(&playbook, &BTreeMap::new()).is_err(), "the target version must have no default");
    }

    #[test]
    fn a_service_is_restarted_under_its_usual_name_unless_another_is_given() {
        for (folder, usual) in
            [("restart-kubelet/", "kubelet.service"), ("restart-containerd/", "containerd.service")]
        {
            let (_, playbook) = playbooks().find(|(path, _)| path.starts_with(folder)).unwrap();
            let unit = |value: Option<&str>| {
                let values = value.map(|value| ("unit".to_owned(), value.to_owned())).into_iter().collect();
                let steps = resolve(&playbook, &values).map_err(|error| error.to_string())?;
                Ok::<_, String>(steps.into_iter().find_map(|step| match step.action {
                    Do::RestartService(restart) => Some(restart.unit),
                    _ => None,
                }))
            };
            assert_eq!(unit(None), Ok(Some(usual.to_owned())));
            assert_eq!(unit(Some("crio.service")), Ok(Some("crio.service".to_owned())));
            assert!(
                unit(Some("sshd; reboot")).is_err_and(|fault| fault.contains("not the name of a service"))
            );
        }
    }

    #[test]
    fn the_schema_for_editors_is_that_of_the_types() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks/schema.json");
        let wanted = format!("{}\n", serde_json::to_string_pretty(document::schema().as_value()).unwrap());
        if std::env::var_os("NODEMEND_WRITE_SCHEMA").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let how = "NODEMEND_WRITE_SCHEMA=1 cargo test -p nodemend-core the_schema_for_editors";
        assert!(
            found == wanted,
            "playbooks/schema.json is not that of the types any more; write it with: {how}"
        );
    }
}
