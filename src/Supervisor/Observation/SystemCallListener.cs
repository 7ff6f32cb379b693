using System.Runtime.InteropServices;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>The kernel's questions about the agent's system calls, and the answers: seccomp_unotify(2).</summary>
internal sealed unsafe class SystemCallListener(int fd)
{
    /// <summary>Takes the listener out of a process that has just installed its filter.</summary>
    /// <exception cref="KernelException">The kernel, or the engine's own filter, does not allow it.</exception>
    public static SystemCallListener TakeFrom(int processId, int listener)
    {
        int process = (int)LibC.syscall(SystemCallPidfdOpen, processId, 0, 0, 0);
        KernelException.ThrowIfFailed("pidfd_open", process);
        int fd = (int)LibC.syscall(SystemCallPidfdGetDescriptor, process, listener, 0, 0);
        int error = Marshal.GetLastPInvokeError();
        LibC.close(process);
        if (fd < 0)
        {
            throw new KernelException("pidfd_getfd", error);
        }

        LibC.fcntl(fd, SetDescriptorFlags, CloseOnExec);
        // Wakes the caller on this very processor, which halves a round trip; older kernels do without.
        LibC.ioctl(fd, SeccompNotifySetFlags, (void*)SeccompNotifySynchronousWakeUp);
        return new SystemCallListener(fd);
    }

    /// <summary>
    /// Waits for the next question; one without an id where the process that asked is gone. False once nobody is left to ask: kernels
    /// before 6.11 then wait on, which ends with this process.
    /// </summary>
    public bool TryReceive(out SystemCallNotification notification)
    {
        // The kernel wants it zeroed.
        notification = default;
        fixed (SystemCallNotification* received = &notification)
        {
            return LibC.ioctl(fd, SeccompNotifyReceive, received) == 0
                || (Marshal.GetLastPInvokeError() is NoEntry or Interrupted && !IsOver());
        }
    }

    /// <summary>Whether the process still waits for the answer; if not, what was read of it may have been another's.</summary>
    public bool IsWaiting(ulong id) => LibC.ioctl(fd, SeccompNotifyIsValid, &id) == 0;

    /// <summary>Lets the kernel go on with the call, under every other control; false where the process that asked is gone.</summary>
    public bool TryContinue(ulong id) => Answer(new SystemCallResponse { Id = id, Flags = SeccompResponseContinue });

    /// <summary>Makes the call fail.</summary>
    public void Deny(ulong id, int error) => Answer(new SystemCallResponse { Id = id, Error = -error });

    /// <summary>The call was made for the process: it gets the result.</summary>
    /// <param name="id">The question.</param>
    /// <param name="error">The error number; 0 where it succeeded.</param>
    public void Finish(ulong id, int error) => Answer(new SystemCallResponse { Id = id, Error = -error });

    /// <summary>
    /// Makes the call return a descriptor of this process's, as one of the caller's own. False where the process that asked is gone, and on
    /// kernels before 5.14: then it is not answered yet.
    /// </summary>
    /// <param name="id">The question.</param>
    /// <param name="descriptor">What it gets a second descriptor of.</param>
    /// <param name="isClosedOnExec">Whether the programs that it starts do not get it.</param>
    public bool TryGive(ulong id, int descriptor, bool isClosedOnExec)
    {
        SystemCallDescriptor given = new()
        {
            Id = id,
            Flags = SeccompAddDescriptorSend,
            Source = (uint)descriptor,
            DescriptorFlags = isClosedOnExec ? (uint)OpenCloseOnExec : 0,
        };
        return LibC.ioctl(fd, SeccompNotifyAddDescriptor, &given) >= 0;
    }

    /// <summary>Answers no more: the kernel refuses what it would have asked.</summary>
    public void Close() => LibC.close(fd);

    // Both ends of a wait are told by the same error.
    private bool IsOver()
    {
        Span<PollDescriptor> descriptor = [new PollDescriptor { Fd = fd, Events = PollIn }];
        Descriptor.Poll(descriptor, 0);
        return (descriptor[0].Returned & (PollHangUp | PollIn)) == PollHangUp;
    }

    // Fails where the process was killed meanwhile, which is all the same.
    private bool Answer(SystemCallResponse response) => LibC.ioctl(fd, SeccompNotifySend, &response) == 0;
}
