import Management
import ManagementHTTP
import Reactor
import Testing

@Suite struct HTTPRulesTests {
    private static let open = HTTPRules(HTTPConfiguration(address: SocketAddress(127, 0, 0, 1, port: 8888)))
    private static let closed: HTTPRules = {
        var configuration = HTTPConfiguration(address: SocketAddress(127, 0, 0, 1, port: 8888), root: "manage")
        configuration.credentials = HTTPCredentials(user: "admin", password: "pa:ss", realm: #"a "realm""#)
        return HTTPRules(configuration)
    }()
    private static let body = Array("{}".utf8)

    static let questions: [(HTTPQuestion, Int?)] = [
        (HTTPQuestion(body: body), nil),
        (HTTPQuestion(path: "/mi/", body: body), nil),
        (HTTPQuestion(contentType: "Application/JSON; charset=utf-8", body: body), nil),
        (HTTPQuestion(path: "/", body: body), 400),
        (HTTPQuestion(path: "/mi/x", body: body), 400),
        (HTTPQuestion(path: "/mis", body: body), 400),
        (HTTPQuestion(path: "", body: body), 400),
        (HTTPQuestion(method: "GET"), 405),
        (HTTPQuestion(method: "PUT", body: body), 405),
        (HTTPQuestion(contentType: "text/plain", body: body), 415),
        (HTTPQuestion(contentType: "application/jsonx", body: body), 415),
        (HTTPQuestion(contentType: nil, body: body), 415),
        (HTTPQuestion(), 400),
    ]

    @Test(arguments: questions) func tellsCallsFromTheRest(question: HTTPQuestion, status: Int?) {
        #expect(Self.open.refusal(of: question)?.status == status)
    }

    static let authorizations: [(String?, Bool)] = [
        ("Basic YWRtaW46cGE6c3M=", true), ("basic  YWRtaW46cGE6c3M=", true), (nil, false), ("", false),
        ("Basic", false),
        ("Basic YWRtaW46cGE6c3N=", false), ("Basic YWRtaW46cGE6c3M", false), ("Digest YWRtaW46cGE6c3M=", false),
        ("YWRtaW46cGE6c3M=", false),
    ]

    @Test(arguments: authorizations) func asksForCredentials(header: String?, isRight: Bool) {
        let refusal = Self.closed.refusal(
            of: HTTPQuestion(path: "/manage", authorization: header, body: Self.body))
        #expect((refusal == nil) == isRight)
        if let refusal {
            #expect(refusal.status == 401)
            #expect(refusal.field?.value == #"Basic realm="a \"realm\"", charset="UTF-8""#)
        }
    }

    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("ÿ~", "w79+")])
    func encodesBase64(text: String, encoded: String) { #expect(Base64.encode(text) == encoded) }
}
