import Glibc
import Profiling
import Synchronization

/// A thread that takes what a consumer gets.
final class Reader: Sendable {
    private let count = Atomic<Int>(0)
    private let consumer: Consumer
    private let isDone = Atomic<Bool>(false)

    init(_ consumer: Consumer) {
        self.consumer = consumer
        var handle = pthread_t()
        pthread_create(
            &handle, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Reader>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(handle)
    }

    private func run() {
        while let records = consumer.next() { count.wrappingAdd(records.count, ordering: .relaxed) }
        isDone.store(true, ordering: .releasing)
    }

    /// Waits until the consumer has been detached and everything was taken; gives how many records it was.
    func finish() -> Int {
        while !isDone.load(ordering: .acquiring) { usleep(1000) }
        return count.load(ordering: .relaxed)
    }
}
