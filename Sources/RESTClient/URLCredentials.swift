import AsyncHTTPClient
import Bytes
import NIOHTTP1

/// The user and password of a URL, `https://user:password@host/`, which go into the request as HTTP Basic (RFC 7617) and into
/// no log.
struct URLCredentials: Sendable {
    private let user: ByteString
    private let password: ByteString

    /// nil: there are none.
    init?(_ url: ByteString) {
        guard let range = Self.range(in: url) else { return nil }
        let text = url.slice(range.lowerBound..<(range.upperBound - 1))
        let colon = text.first(of: ASCII.colon)
        user = RESTTransformations.unescaped(text.prefix(colon ?? text.count))
        password = colon.map { RESTTransformations.unescaped(text.dropFirst($0 + 1)) } ?? .empty
    }

    /// As the value of an Authorization field.
    var basic: String {
        var request = HTTPClientRequest(url: "")
        request.setBasicAuth(username: user.string, password: password.string)
        return request.headers.first(name: "Authorization") ?? ""
    }

    /// The URL as it may be shown.
    static func removed(from url: ByteString) -> ByteString {
        guard let range = range(in: url) else { return url }
        return url.prefix(range.lowerBound) + url.dropFirst(range.upperBound)
    }

    /// Where they stand, with the `@` behind them.
    private static func range(in url: ByteString) -> Range<Int>? {
        guard let scheme = url.first(of: "://", from: 0) else { return nil }
        let start = scheme + 3
        let end = (start..<url.count).first { "/?#".utf8.contains(url[$0]) } ?? url.count
        return url.prefix(end).last(of: UInt8(ascii: "@")).flatMap { $0 >= start ? start..<($0 + 1) : nil }
    }
}
