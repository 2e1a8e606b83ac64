//! Who the client behind trusted proxies is, and whether it speaks TLS.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The networks whose `X-Forwarded-…` headers are believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(pub(crate) Vec<IpNet>);

impl Proxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The right-most address that no trusted proxy added. One that cannot be read is nobody's: to take the proxy's own
    /// for it would let everybody pass as the proxy, often as loopback.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?.to_canonical();
        if self.0.is_empty() || !self.trusts(client) {
            return Some(client);
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        for line in lines {
            for address in line.to_str().unwrap_or("?").rsplit(',') {
                let Ok(address) = address.trim().parse::<IpAddr>() else { return None };
                client = address.to_canonical();
                if !self.trusts(client) {
                    return Some(client);
                }
            }
        }
        Some(client)
    }

    /// Whether a trusted proxy says that the client speaks TLS: one value, which is `https`.
    pub(crate) fn says_https(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
        if self.0.is_empty() || !peer.is_some_and(|peer| self.trusts(peer.to_canonical())) {
            return false;
        }
        let mut values = headers.get_all(FORWARDED_PROTO).iter();
        values.next().is_some_and(|value| value == "https") && values.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::authentication::parse_networks;

    fn headers(name: &HeaderName, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_str(line).unwrap())).collect()
    }

    #[test]
    fn the_client_is_the_right_most_untrusted_address() {
        let proxies = Proxies(parse_networks(["127.0.0.0/8", "10.0.0.0/8", "::1/128"]).unwrap());
        let peer = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        for (from, lines, client, why) in [
            ("127.0.0.1", &[][..], "127.0.0.1", "no header"),
            ("127.0.0.1", &["203.0.113.7"], "203.0.113.7", "one hop"),
            ("127.0.0.1", &["6.6.6.6, 203.0.113.7"], "203.0.113.7", "what the client wrote is to the left"),
            ("127.0.0.1", &["203.0.113.7, 10.1.1.1"], "203.0.113.7", "a second trusted proxy"),
            ("127.0.0.1", &["6.6.6.6", "203.0.113.7"], "203.0.113.7", "two lines are one list"),
            ("203.0.113.9", &["6.6.6.6"], "203.0.113.9", "not from a proxy"),
            ("127.0.0.1", &["6.6.6.6, garbage"], "", "what cannot be read is nobody's"),
            ("127.0.0.1", &["203.0.113.7, "], "", "an empty element, too"),
            ("127.0.0.1", &["203.0.113.7:4711"], "", "a port"),
            ("::ffff:127.0.0.1", &["2001:db8::1"], "2001:db8::1", "mapped addresses are their own"),
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], "10.0.0.1", "all trusted: the left-most"),
        ] {
            assert_eq!(proxies.client(peer(from), &headers(&FORWARDED_FOR, lines)), peer(client), "{why}");
        }
        assert_eq!(
            Proxies::default().client(peer("127.0.0.1"), &headers(&FORWARDED_FOR, &["6.6.6.6"])),
            peer("127.0.0.1")
        );
    }

    #[test]
    fn only_one_https_of_a_trusted_proxy_counts() {
        let proxies = Proxies(parse_networks(["127.0.0.0/8"]).unwrap());
        let peer = |text: &str| Some(text.parse().unwrap());
        for (from, lines, https, why) in [
            ("127.0.0.1", &["https"][..], true, "a trusted proxy says so"),
            ("127.0.0.1", &["http"], false, "it says http"),
            ("127.0.0.1", &["https", "https"], false, "two values"),
            ("127.0.0.1", &["https,http"], false, "a list"),
            ("203.0.113.9", &["https"], false, "anyone else"),
        ] {
            assert_eq!(proxies.says_https(peer(from), &headers(&FORWARDED_PROTO, lines)), https, "{why}");
        }
        assert!(!Proxies::default().says_https(peer("127.0.0.1"), &headers(&FORWARDED_PROTO, &["https"])));
    }
}
