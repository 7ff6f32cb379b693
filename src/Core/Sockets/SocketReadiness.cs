using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;
using IsolatedAgents.Platform.Sockets;

namespace IsolatedAgents.Sockets;

/// <summary>Waits until one socket can be read, or has ended; one wait at a time. What waited goes on in the loop's thread.</summary>
/// <param name="loop">Waits.</param>
/// <param name="handle">The socket's.</param>
/// <param name="events">What is waited for: <see cref="Epoll.Readable"/>, or <see cref="Epoll.Ended"/>.</param>
internal sealed class SocketReadiness(ReadinessLoop loop, SafeHandle handle, uint events = Epoll.Readable)
    : IValueTaskSource,
        IThreadPoolWorkItem,
        IDisposable
{
    private ManualResetValueTaskSourceCore<bool> _wait;
    private ulong _key;
    private int _isWaiting;
    private int _isClosed;

    /// <summary>Leaves the socket, which is still open and not waited for, to another wait.</summary>
    public void Leave()
    {
        bool isHeld = false;
        try
        {
            handle.DangerousAddRef(ref isHeld);
            loop.Forget((int)handle.DangerousGetHandle());
        }
        finally
        {
            if (isHeld)
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <summary>Completes when the socket is as it is waited for, or is broken.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, or is closed meanwhile.</exception>
    public ValueTask WaitAsync()
    {
        bool isHeld = false;
        try
        {
            // So long the descriptor cannot become another's.
            handle.DangerousAddRef(ref isHeld);
            bool isNew = _key == 0;
            if (isNew)
            {
                _key = loop.Add(this);
            }

            _wait.Reset();
            short version = _wait.Version;
            Interlocked.Exchange(ref _isWaiting, 1);
            loop.Watch((int)handle.DangerousGetHandle(), _key, isNew, events);
            if (Volatile.Read(ref _isClosed) == 1)
            {
                // Whoever closed it may have seen neither the key nor the wait.
                End();
            }

            return new ValueTask(this, version);
        }
        finally
        {
            if (isHeld)
            {
                handle.DangerousRelease();
            }
        }
    }

    /// <summary>The loop's: goes on with what waits.</summary>
    public void SetReady()
    {
        if (Interlocked.Exchange(ref _isWaiting, 0) == 1)
        {
            _wait.SetResult(true);
        }
    }

    /// <summary>Ends what waits. To be called when the socket is closed, which the kernel does not tell; may be called again.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) == 0)
        {
            End();
        }
    }

    void IValueTaskSource.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    void IThreadPoolWorkItem.Execute() => _wait.SetException(new ObjectDisposedException(nameof(SocketReadiness)));

    private void End()
    {
        loop.Remove(_key);
        if (Interlocked.Exchange(ref _isWaiting, 0) == 1)
        {
            // Not here: whoever closes may hold what the other one waits for.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }
}
