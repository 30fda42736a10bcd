import Bytes
import RouteLanguage
import RouteRuntime
import SIPMessage

/// `sipmsgops` at work. `is_method` and `has_totag` run several times for each message: they allocate nothing.
enum SIPMsgOpsModule {
    static func bind(_ environment: ModuleEnvironment) -> ModuleBinding {
        ModuleBinding(
            "sipmsgops",
            functions: HeaderFunctions.all(now: environment.now)
                .merging(ListHeaderFunctions.all) { $1 }
                .merging(RequestURIFunctions.all) { $1 }
                .merging(BodyFunctions.all) { $1 }
                .merging(SDPFunctions.all) { $1 }
                .merging([
                    "sipmsg_validate": { call in MessageValidation.run(call) },
                    "sip_to_json": { call in
                        Outcome(call.assign(0, .string(MessageJSON.text(of: call.context))))
                    },
                ]) { $1 })
    }
}
