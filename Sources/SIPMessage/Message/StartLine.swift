package import Bytes

/// The request line or status line of a message, as ranges into its buffer.
///
/// A request has method, URI and version; a response has version, status code and reason phrase. What the other kind
/// has is empty.
package struct StartLine: BitwiseCopyable, Sendable {
    /// Whether it is a request line.
    package internal(set) var isRequest = true
    /// The method of a request; `other` in a response.
    package internal(set) var method = Method.other
    /// 100–699 of a response; 0 in a request.
    package internal(set) var statusCode: UInt16 = 0
    /// The method's name.
    package internal(set) var methodText = ByteRange.empty
    /// The request URI.
    package internal(set) var requestURI = ByteRange.empty
    /// `SIP/2.0`.
    package internal(set) var version = ByteRange.empty
    /// The reason phrase, possibly empty.
    package internal(set) var reasonPhrase = ByteRange.empty
    /// The whole line with its line end.
    package internal(set) var line = ByteRange.empty
}
