//! What a request to the API server is about, read from its method and address as the API server itself does.

use http::{Method, Uri};
use serde::{Deserialize, Serialize};

/// One request, as the API server's audit log would name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; `ssh` for a connection to a host.
    pub verb: String,
    /// The resource, with its subresource after a slash; empty for addresses that name none.
    pub resource: String,
    /// The namespace; empty for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The object's name, or the path where there is no resource; empty for lists, watches and most creations.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Request {
    /// What the request with this method and address is about.
    pub fn of(method: &Method, uri: &Uri) -> Self {
        let segments: Vec<_> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let below = match segments.as_slice() {
            ["api", _, below @ ..] | ["apis", _, _, below @ ..] => below,
            _ => &[],
        };
        let (namespace, object) = match below {
            ["namespaces", namespace, object @ ..] if !object.is_empty() => (*namespace, object),
            object => ("", object),
        };
        let part = |index: usize| object.get(index).copied().unwrap_or_default();
        let resource = match (part(0), part(2)) {
            (resource, "") => resource.to_owned(),
            (resource, below) => format!("{resource}/{below}"),
        };
        let name = if object.is_empty() { uri.path() } else { part(1) };
        let verb = verb(method, part(1), uri.query().unwrap_or_default());
        Self { verb: verb.to_owned(), resource, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// A connection to the SSH server at that address.
    pub fn ssh(address: &str) -> Self {
        Self { verb: "ssh".into(), resource: String::new(), namespace: String::new(), name: address.into() }
    }

    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str())
    }
}

fn verb(method: &Method, name: &str, query: &str) -> &'static str {
    let watches = query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1");
    match *method {
        Method::GET if watches => "watch",
        Method::GET if name.is_empty() => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(method: &Method, address: &str) -> String {
        let request = Request::of(method, &address.parse().unwrap());
        format!("{} {} {} {}", request.verb, request.resource, request.namespace, request.name)
    }

    #[test]
    fn requests_are_named_as_in_the_audit_log() {
        for (method, address, expected) in [
            (Method::GET, "/api/v1/nodes/a", "get nodes  a"),
            (Method::GET, "/api/v1/nodes?limit=500", "list nodes  "),
            (Method::GET, "/api/v1/nodes?limit=5&watch=true", "watch nodes  "),
            (Method::PATCH, "/api/v1/nodes/a?fieldManager=x", "patch nodes  a"),
            (Method::POST, "/api/v1/namespaces/shop/pods/p/eviction", "create pods/eviction shop p"),
            (Method::PUT, "/apis/nodemend.dev/v1alpha1/repairruns/r/status", "update repairruns/status  r"),
            (Method::POST, "/apis/events.k8s.io/v1/namespaces/default/events", "create events default "),
            (Method::DELETE, "/apis/coordination.k8s.io/v1/namespaces/l/leases/a", "delete leases l a"),
            (Method::GET, "/api/v1/namespaces/shop", "get namespaces  shop"),
            (Method::GET, "/version", "list   /version"),
        ] {
            assert_eq!(told(&method, address), expected, "{method} {address}");
        }
    }
}
