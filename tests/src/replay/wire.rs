//! HTTP/1.1 by hand over a real socket, so that hostile bytes, duplicate headers and odd methods go out exactly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use super::Problem;
use super::case::Request;
use super::template::{Variables, fill, fill_bytes, fill_value};

const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_LINE: u64 = 256 * 1024;
const LONGEST_BODY: u64 = 16 * 1024 * 1024;

/// What the server sent back.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The header fields in order, read as Latin-1.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Every value of a header.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The values of a header joined by commas.
    #[must_use]
    pub(super) fn one(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.all(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The body as JSON.
    #[must_use]
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The start of the body, for messages.
    #[must_use]
    pub(super) fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(200).collect()
    }
}

/// Sends one request on a connection of its own and reads the answer.
///
/// # Errors
///
/// When a template cannot be filled, or the connection breaks before the answer is whole.
pub(super) fn send(host: &str, request: &Request, variables: &Variables) -> Result<Answer, Problem> {
    let bytes = encode(host, request, variables)?;
    let address =
        host.to_socket_addrs()?.next().ok_or_else(|| Problem::new(format!("no address: {host}")))?;
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    // A server may refuse a head before it has read it all: what counts is its answer.
    let sent = connection.write_all(&bytes);
    match (read_answer(&mut BufReader::new(connection), &request.method), sent) {
        (Err(_), Err(error)) => Err(error.into()),
        (answer, _) => answer,
    }
}

/// The whole request as it goes out.
fn encode(host: &str, request: &Request, variables: &Variables) -> Result<Vec<u8>, Problem> {
    let (body, usual_type) = body(request, variables)?;
    let content_type = request.content_type.as_deref().or(usual_type).filter(|kind| !kind.is_empty());
    let has = |name: &str| request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));

    let mut bytes = Vec::new();
    let path = fill(&request.path, variables)?;
    write!(bytes, "{} {path} HTTP/1.1\r\n", request.method)?;
    if !has("host") {
        write!(bytes, "Host: {host}\r\n")?;
    }
    if let Some(content_type) = content_type.filter(|_| !has("content-type")) {
        write!(bytes, "Content-Type: {content_type}\r\n")?;
    }
    if body.is_some() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        write!(bytes, "Content-Length: {}\r\n", body.as_ref().map_or(0, Vec::len))?;
    }
    write!(bytes, "Connection: close\r\n")?;
    for (name, value) in &request.headers {
        write!(bytes, "{name}: ")?;
        bytes.extend(fill_bytes(value, variables)?);
        write!(bytes, "\r\n")?;
    }
    write!(bytes, "\r\n")?;
    bytes.extend(body.unwrap_or_default());
    Ok(bytes)
}

pub(super) type Body = (Option<Vec<u8>>, Option<&'static str>);

/// The body of a request, and its usual type.
pub(super) fn body(request: &Request, variables: &Variables) -> Result<Body, Problem> {
    if let Some(json) = &request.json {
        Ok((Some(fill_value(json, variables)?.to_string().into_bytes()), Some("application/json")))
    } else if let Some(fields) = &request.form {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            form.append_pair(&fill(name, variables)?, &fill(value, variables)?);
        }
        Ok((Some(form.finish().into_bytes()), Some("application/x-www-form-urlencoded")))
    } else if let Some(body) = &request.body {
        Ok((Some(fill_bytes(body, variables)?), None))
    } else {
        Ok((None, None))
    }
}

/// Reads one answer, past interim ones (RFC 9112).
fn read_answer(connection: &mut impl BufRead, method: &str) -> Result<Answer, Problem> {
    loop {
        let (status, headers) = read_head(connection)?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        if (100..200).contains(&status) {
            continue;
        }
        if method != "HEAD" && status != 204 && status != 304 {
            answer.body = read_body(connection, &answer)?;
        }
        return Ok(answer);
    }
}

fn read_head(connection: &mut impl BufRead) -> Result<(u16, Vec<(String, String)>), Problem> {
    let line = read_line(connection)?;
    let mut words = line.split(' ');
    let (version, status) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !version.starts_with("HTTP/1.") {
        return Err(Problem::new(format!("not an HTTP answer: {line:?}")));
    }
    let status = status.parse().map_err(|_| Problem::new(format!("not a status: {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(connection)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| Problem::new(format!("not a header: {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_line(connection: &mut impl BufRead) -> Result<String, Problem> {
    let mut line = Vec::new();
    connection.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")) {
        Some(line) => Ok(line.iter().copied().map(char::from).collect()),
        None => Err(Problem::new("the connection ended within a line")),
    }
}

fn read_body(connection: &mut impl BufRead, answer: &Answer) -> Result<Vec<u8>, Problem> {
    if answer.one("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return read_chunks(connection);
    }
    let Some(length) = answer.one("Content-Length") else {
        let mut body = Vec::new();
        connection.by_ref().take(LONGEST_BODY).read_to_end(&mut body)?;
        return Ok(body);
    };
    read_exactly(connection, length.parse().map_err(|_| Problem::new(format!("not a length: {length}")))?)
}

fn read_chunks(connection: &mut impl BufRead) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    loop {
        let line = read_line(connection)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size =
            u64::from_str_radix(size, 16).map_err(|_| Problem::new(format!("not a chunk: {line:?}")))?;
        if size == 0 {
            while !read_line(connection)?.is_empty() {}
            return Ok(body);
        }
        body.extend(read_exactly(connection, size)?);
        read_line(connection)?;
    }
}

fn read_exactly(connection: &mut impl BufRead, length: u64) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    connection.by_ref().take(length.min(LONGEST_BODY)).read_to_end(&mut body)?;
    if u64::try_from(body.len())? == length {
        Ok(body)
    } else {
        Err(Problem::new(format!("{} bytes of a body of {length}", body.len())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(request: Value) -> Vec<u8> {
        let request = serde_json::from_value(request).unwrap();
        encode("localhost:1", &request, &Variables::new()).unwrap()
    }

    #[test]
    fn requests_go_out_exactly() {
        let rows: [(Value, &[u8]); 6] = [
            (
                json!({"method": "get", "path": "/a?b"}),
                b"get /a?b HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n",
            ),
            (
                json!({"method": "POST", "path": "/"}),
                b"POST / HTTP/1.1\r\nHost: localhost:1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            ),
            (
                json!({"method": "GET", "path": "/", "headers": [["host", "x"], ["A", "1"], ["A", {"hex": "ff"}]]}),
                b"GET / HTTP/1.1\r\nConnection: close\r\nhost: x\r\nA: 1\r\nA: \xff\r\n\r\n",
            ),
            (
                json!({"method": "GET", "path": "/", "headers": [["Host", "x"]], "json": null}),
                b"GET / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 4\r\nConnection: close\r\nHost: x\r\n\r\nnull",
            ),
            (
                json!({"method": "PUT", "path": "/", "headers": [["Host", "x"]], "form": [["a b", "é&"]]}),
                b"PUT / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 13\r\nConnection: close\r\nHost: x\r\n\r\na+b=%C3%A9%26",
            ),
            (
                json!({"method": "PUT", "path": "/", "headers": [["Host", "x"], ["content-type", "t/y"]], "body": "{", "content_type": "t/z"}),
                b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nConnection: close\r\nHost: x\r\ncontent-type: t/y\r\n\r\n{",
            ),
        ];
        for (request, wanted) in rows {
            let wanted = String::from_utf8_lossy(wanted);
            assert_eq!(String::from_utf8_lossy(&encoded(request)), wanted);
        }
    }

    #[test]
    fn answers_are_read_whole() {
        let rows: [(&str, &str, &[u8], &[u8]); 6] = [
            ("a length", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", b"ab"),
            (
                "chunks",
                "GET",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
                b"abc",
            ),
            ("neither", "GET", b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
            ("an interim answer", "GET", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc", b"abc"),
            ("HEAD", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b""),
            ("no content", "GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", b""),
        ];
        for (name, method, bytes, body) in rows {
            assert_eq!(read_answer(&mut &*bytes, method).unwrap().body, body, "{name}");
        }
    }

    #[test]
    fn a_broken_answer_is_a_problem() {
        let rows: [&[u8]; 5] = [
            b"",
            b"SSH-2.0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
            b"HTTP/1.1 200 OK\r\nHeader",
        ];
        for bytes in rows {
            assert!(read_answer(&mut &*bytes, "GET").is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
