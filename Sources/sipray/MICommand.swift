import ArgumentParser
import Bytes
import JSONRPC
import Management

/// `sipray mi`: one management command.
struct MICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mi",
        abstract: "Sends one management command to a running server and prints the answer.",
        discussion: """
            Parameters are all NAME=VALUE or all by position. A whole number is sent as a number; write '"1001"' to send it as \
            text. JSON arrays and objects are sent as they are. Values that begin with a dash stand after --. On a terminal \
            the answer is laid out for reading, else it is one line of JSON.

            The exit status is 0, 1 when the server answers with an error, 2 when it can't be asked.

            EXAMPLES
              sipray mi ps
              sipray mi core:profiling_proc level=2                 every process
              sipray mi core:profiling_proc id=3 level=0            one process
              sipray mi --udp 127.0.0.1:8080 statistics:get tm: core:
              sipray mi evi:subscribe E_PROFILING_SCRIPT udp:127.0.0.1:9000 60
              sipray mi usrloc:show_contact --json '{"table_name":"location","aor":"alice"}'
              sipray mi which                                       all commands
              sipray mi tcp:list                                    connections
              sipray mi dialog:end_dlg dialog_id=2a5.7f1c90e3       ends a call
              sipray mi --mi https://sip.example.com:8888/mi --ca ca.pem ps
              SIPRAY_MI=unix:/run/sipray/mi.sock sipray mi uptime
            """)

    @Argument(help: "The command: module:command, or an old name such as get_statistics.")
    var command: String

    @Argument(help: ArgumentHelp("Parameters.", valueName: "parameter"))
    var parameters: [String] = []

    @OptionGroup var management: ManagementOptions

    @Option(help: ArgumentHelp("The parameters as a JSON array or object instead.", valueName: "params"))
    var json: String?

    @Flag(help: "Prints JSON also on a terminal.")
    var raw = false

    @Option(help: ArgumentHelp("How long to wait for the answer.", valueName: "milliseconds"))
    var timeout: Int = 5000

    func validate() throws {
        if json != nil, !parameters.isEmpty { throw ValidationError("Give parameters or --json, not both.") }
        let allowed = ManagementClient.timeoutMillisecondsRange
        guard allowed.contains(timeout) else {
            throw ValidationError(
                "--timeout \(timeout) is not between \(allowed.lowerBound) and \(allowed.upperBound) (a day).")
        }
        try management.checkAddress()
        _ = try call()
    }

    func run() throws {
        let output = Output("mi")
        let parameters = try call()
        do {
            let client = try management.client(timeoutMilliseconds: timeout)
            let result = try client.call(command, parameters)
            output.write(
                raw || !output.isTerminal
                    ? [TerminalText.safeJSON(result.description)] : ManagementText.lines(result))
        } catch let error as ManagementClientError {
            output.note("\(error)")
            if case .refused = error { throw ExitCode(1) }
            throw ExitCode(2)
        }
    }

    private func call() throws -> RPCParameters {
        do {
            guard let json else { return try ManagementArguments.parameters(command: command, parameters) }
            let value = try JSONParser.parse(json)
            guard let parameters = RPCParameters(value) else {
                throw ValidationError("--json must be an array or an object.")
            }
            return parameters
        } catch let error as ManagementArguments.Mixed {
            throw ValidationError(error.description)
        } catch let error as JSONError {
            throw ValidationError("--json is not JSON: \(error).")
        }
    }
}
