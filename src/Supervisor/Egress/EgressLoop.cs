using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Egress;

/// <summary>Something of the loop's that waits for the kernel.</summary>
internal abstract class EgressSource(int fd)
{
    public int Fd { get; } = fd;

    /// <summary>The kernel has something for it.</summary>
    /// <param name="events">EPOLLIN, EPOLLOUT and their kin.</param>
    public abstract void OnReady(uint events);

    /// <summary>It is about to be closed from outside; what the kernel has for it by now is taken.</summary>
    public virtual void BeforeClose() { }
}

/// <summary>
/// Waits for everything that the agent sends out of the sandbox, in one thread, which does little for each. Other threads may add to it
/// while it waits.
/// </summary>
internal sealed unsafe class EgressLoop
{
    private const int EventsAtOnce = 64;
    private const int CloseMilliseconds = 1000;

    private readonly Dictionary<int, EgressSource> _sources = [];
    private readonly Lock _lock = new();
    private readonly int _epoll = LibC.epoll_create1(OpenCloseOnExec);
    private readonly WakeUp _wakeUp;

    public EgressLoop()
    {
        _wakeUp = new WakeUp(this);
        Add(_wakeUp, EpollIn);
    }

    /// <summary>Waits for a source from now on.</summary>
    public void Add(EgressSource source, uint events)
    {
        lock (_lock)
        {
            _sources.Add(source.Fd, source);
        }

        Control(EpollAdd, source.Fd, events);
    }

    /// <summary>Changes the events that epoll waits for on this source (EPOLL_CTL_MOD).</summary>
    public void Change(EgressSource source, uint events) => Control(EpollModify, source.Fd, events);

    /// <summary>Waits for nothing of it, until it is resumed.</summary>
    public void Pause(EgressSource source) => Control(EpollRemove, source.Fd, 0);

    /// <summary>Waits again for one that was paused.</summary>
    public void Resume(EgressSource source, uint events) => Control(EpollAdd, source.Fd, events);

    /// <summary>Waits for it no longer. Its descriptor is to be closed by the caller.</summary>
    public void Forget(EgressSource source)
    {
        lock (_lock)
        {
            _sources.Remove(source.Fd);
        }
    }

    /// <summary>Waits for it no longer, and closes its descriptor.</summary>
    public void Close(EgressSource source)
    {
        Forget(source);
        LibC.close(source.Fd);
    }

    /// <summary>
    /// Has the loop's thread close a source, since a descriptor that another thread closes may be another's by the time that the loop uses
    /// it. Returns when that is done; a loop that the host keeps waiting does it later.
    /// </summary>
    public void CloseFromOutside(int fd) => _wakeUp.Close(Find(fd)!).Wait(CloseMilliseconds);

    /// <summary>Serves until this process ends.</summary>
    public void Run()
    {
        EpollEvent* events = stackalloc EpollEvent[EventsAtOnce];
        while (true)
        {
            int count = LibC.epoll_wait(_epoll, events, EventsAtOnce, -1);
            if (count < 0 && Marshal.GetLastPInvokeError() != Interrupted)
            {
                throw new KernelException("epoll_wait", Marshal.GetLastPInvokeError());
            }

            for (int i = 0; i < count; i++)
            {
                Find(events[i].Fd)?.OnReady(events[i].Events);
            }
        }
    }

    // One that an earlier event of the same batch has closed is gone; a new one under its number gets an event of no concern, which it
    // finds nothing behind.
    private EgressSource? Find(int fd)
    {
        lock (_lock)
        {
            return _sources.GetValueOrDefault(fd);
        }
    }

    private void Control(int operation, int fd, uint events)
    {
        EpollEvent change = new() { Events = events, Fd = fd };
        KernelException.ThrowIfFailed("epoll_ctl", LibC.epoll_ctl(_epoll, operation, fd, &change));
    }

    /// <summary>Wakes the loop to close the sources that other threads want closed.</summary>
    private sealed class WakeUp(EgressLoop loop) : EgressSource(WakeEvent.Create())
    {
        private readonly ConcurrentQueue<(EgressSource Source, ManualResetEventSlim Done)> _closing = new();

        public ManualResetEventSlim Close(EgressSource source)
        {
            ManualResetEventSlim done = new();
            _closing.Enqueue((source, done));
            WakeEvent.Set(Fd);
            return done;
        }

        public override void OnReady(uint events)
        {
            WakeEvent.Reset(Fd);
            while (_closing.TryDequeue(out (EgressSource Source, ManualResetEventSlim Done) closing))
            {
                closing.Source.BeforeClose();
                loop.Close(closing.Source);
                closing.Done.Set();
            }
        }
    }
}
