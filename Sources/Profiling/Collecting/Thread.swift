internal import CPlatform
import Glibc

/// A named thread that can be waited for.
struct Thread: Sendable {
    private let handle: pthread_t

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread; `name` is what `top -H` shows, 15 bytes of it. A machine that has no thread left is beyond help.
    static func spawn(name: String, run: @escaping @Sendable () -> Void) -> Thread {
        var handle = pthread_t()
        let body = Unmanaged.passRetained(Body(name: name, run: run))
        let result = pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                cplatform_name_thread(body.name)
                body.run()
                return nil
            }, body.toOpaque())
        precondition(result == 0, "no thread for \(name): error \(result)")
        return Thread(handle: handle)
    }

    /// Waits until it has ended.
    func join() { pthread_join(handle, nil) }
}
