package import RouteLanguage

extension ModuleDeclaration {
    /// `rest_client`: HTTP requests from scripts. Its code is the target `RESTClient`.
    package static let restClient = ModuleDeclaration(
        "rest_client",
        functions: [
            FunctionDeclaration(
                "rest_get", [.string("url"), .output("body_pv")] + restOutputs, hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("rest_post", restUpload, hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("rest_put", restUpload, hasAsyncForm: true, isSlow: true),
            FunctionDeclaration("rest_append_hf", [.string("txt")]),
            FunctionDeclaration("rest_init_client_tls", [.string("tls_client_domain")]),
        ],
        parameters: [
            .integer("curl_timeout", 20),
            .integer("connection_timeout", 20),
            .integer("connect_poll_interval", 20),
            .integer("max_async_transfers", 100),
            .integer("max_transfer_size", 10240),
            .integer("ssl_verifypeer", 1),
            .integer("ssl_verifyhost", 1),
            .string("ssl_capath"),
            .integer("curl_http_version", 0),
            .integer("enable_expect_100", 0),
            .integer("no_concurrent_connects", 0),
            .integer("curl_conn_lifetime", 0),
        ],
        transformations: [
            TransformationDeclaration("rest", "escape"), TransformationDeclaration("rest", "unescape"),
        ])

    private static let restOutputs: [ParameterSpec] = [
        .output("ctype_pv", optional: true), .output("retcode_pv", optional: true),
    ]

    private static let restUpload: [ParameterSpec] =
        [
            .string("url"), .string("send_body"), .string("send_ctype", optional: true), .output("recv_body_pv"),
        ] + restOutputs
}
