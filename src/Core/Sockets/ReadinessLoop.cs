using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using IsolatedAgents.Platform.Sockets;

namespace IsolatedAgents.Sockets;

/// <summary>
/// A thread that waits for sockets, and itself goes on with whoever waited. The runtime hands what waited to a thread of its pool, which is woken for it: while a connection is set up,
/// these wake-ups cost more than all else.
/// </summary>
/// <remarks>What goes on in this thread never blocks, and leaves it before it does much: <see cref="LeaveAsync"/>.</remarks>
internal sealed class ReadinessLoop
{
    private const int EventsAtOnce = 64;

    private static readonly Lazy<ReadinessLoop?> OfProcess = new(Create);

    [ThreadStatic]
    private static bool t_isCurrent;

    private readonly ConcurrentDictionary<ulong, SocketReadiness> _sockets = [];
    private readonly int _epoll;
    private ulong _lastKey;

    private ReadinessLoop(int epoll) => _epoll = epoll;

    /// <summary>The one of this process, since it does little for each run; null where the system has none.</summary>
    public static ReadinessLoop? Shared => OfProcess.Value;

    /// <summary>Whether the caller is in the loop's thread, and keeps it from others.</summary>
    public static bool IsCurrent => t_isCurrent;

    /// <summary>The loop whose thread the caller is in; null elsewhere.</summary>
    public static ReadinessLoop? Current => IsCurrent ? Shared : null;

    /// <summary>Goes on in the pool where the caller is in the loop's thread; at once elsewhere.</summary>
    public static ConfiguredTaskAwaitable LeaveAsync() =>
        Task.CompletedTask.ConfigureAwait(IsCurrent ? ConfigureAwaitOptions.ForceYielding : ConfigureAwaitOptions.None);

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
        new Thread(loop.Run) { IsBackground = true, Name = "egress" }.UnsafeStart();
        return loop;
    }

    private void Run()
    {
        t_isCurrent = true;
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
