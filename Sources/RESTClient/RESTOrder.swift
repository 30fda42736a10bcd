import AsyncHTTPClient
import Bytes
import NIOCore
import NIOHTTP1
import NIOSSL

/// What a script asks for, as its process hands it to the event loop.
struct RESTOrder: Sendable {
    let method: HTTPMethod
    let url: ByteString
    let headers: HTTPHeaders
    /// nil: the module's own settings.
    let domain: TLSConfiguration?
    /// nil: none, as in a GET.
    let body: ByteString?
    /// nil: a form's.
    let contentType: ByteString?
    /// The process that asks.
    let process: Int
    /// The place of the variable for the body among the function's arguments.
    let outputs: Int

    var request: HTTPClient.Request {
        get throws {
            var headers = headers
            if let credentials = URLCredentials(url), !headers.contains(name: "Authorization") {
                headers.add(name: "Authorization", value: credentials.basic)
            }
            guard let body else {
                return try HTTPClient.Request(
                    url: url.string, method: method, headers: headers, body: nil, tlsConfiguration: domain)
            }
            if !headers.contains(name: "Content-Type") {
                let type = contentType.flatMap { $0.isEmpty ? nil : $0.string }
                headers.add(name: "Content-Type", value: type ?? "application/x-www-form-urlencoded")
            }
            return try HTTPClient.Request(
                url: url.string, method: method, headers: headers, body: .byteBuffer(ByteBuffer(bytes: body.bytes)),
                tlsConfiguration: domain)
        }
    }
}
