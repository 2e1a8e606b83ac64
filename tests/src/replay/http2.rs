//! HTTP/2 with prior knowledge (RFC 9113 section 3.3), by hyper's client: one connection a request, as over HTTP/1.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Problem;
use super::case::Request;
use super::template::{Variables, fill, fill_bytes};
use super::wire::{Answer, body};

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends one request on a connection of its own and reads the answer.
///
/// # Errors
///
/// When a template cannot be filled, HTTP/2 cannot carry the request, or the connection breaks.
pub(super) fn send(host: &str, request: &Request, variables: &Variables) -> Result<Answer, Problem> {
    let request = encode(host, request, variables)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { timeout(PATIENCE, exchange(host, request)).await? })
}

async fn exchange(host: &str, request: http::Request<Full<Bytes>>) -> Result<Answer, Problem> {
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let latin1 = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), latin1(value)));
    connection.abort();
    Ok(Answer { status: head.status.as_u16(), headers: headers.collect(), body })
}

fn encode(
    host: &str,
    request: &Request,
    variables: &Variables,
) -> Result<http::Request<Full<Bytes>>, Problem> {
    let (body, usual_type) = body(request, variables)?;
    let mut encoded = http::Request::new(Full::from(body.unwrap_or_default()));
    *encoded.method_mut() = carried(Method::from_bytes(request.method.as_bytes()))?;
    let mut authority = host.to_owned();
    for (name, value) in &request.headers {
        let name = carried(HeaderName::from_bytes(name.as_bytes()))?;
        // A value has no spaces around it (section 8.2.1); HTTP/1 strips them on arrival (RFC 9112 section 5).
        let value = carried(HeaderValue::from_bytes(fill_bytes(value, variables)?.trim_ascii()))?;
        if name == HOST {
            // The authority stands for it (section 8.3.1).
            authority = carried(value.to_str())?.to_owned();
        } else {
            encoded.headers_mut().append(name, value);
        }
    }
    let content_type = request.content_type.as_deref().or(usual_type).filter(|kind| !kind.is_empty());
    if let Some(kind) = content_type.filter(|_| !encoded.headers().contains_key(CONTENT_TYPE)) {
        encoded.headers_mut().insert(CONTENT_TYPE, carried(HeaderValue::from_str(kind))?);
    }
    let path = carried(PathAndQuery::try_from(fill(&request.path, variables)?))?;
    let uri = Uri::builder().scheme("http").authority(authority).path_and_query(path);
    *encoded.uri_mut() = carried(uri.build())?;
    Ok(encoded)
}

/// What the types of `http` refuse cannot be said in HTTP/2 either, or not by a client that keeps its rules.
fn carried<T, E: std::error::Error>(part: Result<T, E>) -> Result<T, Problem> {
    part.map_err(|error| Problem::not_carried(format!("HTTP/2 does not carry it: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn encoded(request: Value) -> Result<http::Request<Full<Bytes>>, Problem> {
        encode("localhost:1", &serde_json::from_value(request).unwrap(), &Variables::new())
    }

    #[test]
    fn a_host_becomes_the_authority_and_duplicates_stay() {
        let request = json!({"method": "get", "path": "/a?b", "headers": [["Host", "x"], ["A", "1"], ["a", {"hex": "ff"}]]});
        let request = encoded(request).unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().to_string()),
            ("get", "http://x/a?b".to_owned())
        );
        assert_eq!(request.headers().get_all("a").iter().count(), 2);
        assert!(!request.headers().contains_key("host"));
    }

    #[test]
    fn what_cannot_be_carried_says_so() {
        for headers in
            [json!([["A", {"hex": "00"}]]), json!([["A", {"hex": "610d0a62"}]]), json!([["A b", "1"]])]
        {
            let request = json!({"method": "GET", "path": "/", "headers": headers});
            assert!(encoded(request).unwrap_err().is_not_carried(), "{headers}");
        }
    }
}
