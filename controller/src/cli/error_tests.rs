//! Answers of the API server as an operator reads them.

use super::*;
use kube::core::response::StatusDetails;

fn answered(code: u16, asked: Asked<'_>, name: &str) -> String {
    let details: StatusDetails = serde_json::from_value(serde_json::json!({"name": name})).unwrap();
    let status = Status { code, message: "said so".into(), details: Some(details), ..Status::default() };
    CliError::request("https://api", asked, &kube::Error::Api(Box::new(status))).to_string()
}

#[test]
fn answers_name_the_object_and_the_next_step() {
    let list = Asked::list("RepairPolicy");
    let get = Asked::of("get", "RepairPolicy", "old");
    assert!(answered(401, list, "").contains("does not accept these credentials"));
    assert!(answered(403, list, "").contains("`kubectl auth can-i list repairpolicies.nodemend.dev`"));
    assert!(answered(404, get, "old").contains("no RepairPolicy named old\nnext: `nodemend get policies`"));
    assert!(
        answered(404, get, "").contains("nodemend crds | kubectl apply"),
        "the kind is missing, not the object"
    );
    assert_eq!(answered(422, get, "old"), "repairpolicy/old: said so");
}

#[test]
fn a_negative_answer_is_told_from_no_answer() {
    let code = |error: CliError| format!("{:?}", error.exit_code());
    assert_eq!(code(CliError::not_found("Node", "n")), format!("{:?}", ExitCode::from(1)));
    let unreachable = CliError::Unreachable { url: "https://api".into(), problem: "refused".into() };
    assert_eq!(code(unreachable), format!("{:?}", ExitCode::from(2)));
}
