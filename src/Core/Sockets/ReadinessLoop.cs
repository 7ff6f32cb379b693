using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using IsolatedAgents.Platform.Sockets;

namespace IsolatedAgents.Sockets;

/// <summary>
/// A thread that waits for sockets, and itself goes on with whoever waited. The runtime hands what waited to a thread of its pool, which is
/// woken for it: while a connection is set up, these wake-ups cost more than all else.
/// </summary>
/// <remarks>What goes on in this thread never blocks, and leaves it before it does much: <see cref="LeaveAsync"/>.</remarks>
internal sealed class ReadinessLoop
{
    private const int EventsAtOnce = 64;

    private static readonly Lazy<ReadinessLoop?> Started = new(Create);

    private readonly ConcurrentDictionary<ulong, SocketReadiness> _sockets = [];
    private readonly Thread _thread;
    private readonly int _epoll;
    private ulong _lastKey;

    private ReadinessLoop(int epoll)
    {
        _epoll = epoll;
        _thread = new Thread(Run) { IsBackground = true, Name = "egress" };
    }

    /// <summary>
    /// The one of this process, which ends with it, since it does little for each run; null where the system has none. Whoever begins a run
    /// asks for it, and hands it to all that wait by it.
    /// </summary>
    public static ReadinessLoop? OfProcess => Started.Value;

    /// <summary>Whether the caller is in the loop's thread, and keeps it from others.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>Goes on in the pool where the caller is in a loop's thread; at once elsewhere.</summary>
    /// <param name="loop">The loop that the caller may be in; null where it waits by none.</param>
    public static ConfiguredTaskAwaitable LeaveAsync(ReadinessLoop? loop) =>
        Task.CompletedTask.ConfigureAwait(loop is { IsCurrent: true } ? ConfigureAwaitOptions.ForceYielding : ConfigureAwaitOptions.None);

    /// <summary>Gives a socket a key that no other one had before: what the kernel still tells of one that is gone finds nobody.</summary>
    public ulong Add(SocketReadiness socket)
    {
        ulong key = Interlocked.Increment(ref _lastKey);
        _sockets[key] = socket;
        return key;
    }

    /// <summary>Forgets a socket.</summary>
    public void Remove(ulong key) => _sockets.TryRemove(key, out _);

    /// <summary>Has <see cref="SocketReadiness.SetReady"/> called once when a socket is as it is waited for.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The kernel refuses.</exception>
    public void Watch(int descriptor, ulong key, bool isNew, uint events) => Epoll.Watch(_epoll, descriptor, key, isNew, events);

    /// <summary>Has nothing more called for a socket, so that another may wait for it.</summary>
    public void Forget(int descriptor) => Epoll.Forget(_epoll, descriptor);

    private static ReadinessLoop? Create()
    {
        if (!OperatingSystem.IsLinux() || Epoll.Create() is not (>= 0 and var epoll))
        {
            return null;
        }

        ReadinessLoop loop = new(epoll);
        loop._thread.UnsafeStart();
        return loop;
    }

    private void Run()
    {
        Span<ulong> keys = stackalloc ulong[EventsAtOnce];
        while (true)
        {
            int count = Epoll.Wait(_epoll, keys);
            foreach (ulong key in keys[..count])
            {
                if (_sockets.TryGetValue(key, out SocketReadiness? socket))
                {
                    socket.SetReady();
                }
            }
        }
    }
}
