using System.Text;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Paths;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Files of the image that a program which opens them for reading gets another file in place of. No protection: a program that races the
/// supervisor gets the image's own. It lets programs find the agent's user in an image that does not know it, without a mount and without a
/// change to the image.
/// </summary>
internal sealed unsafe class SubstituteFiles
{
    private readonly List<(byte[] Path, byte[] Source)> _files = [];
    private int _shortest = int.MaxValue;
    private int _longest;

    /// <summary>Shows one file in place of another.</summary>
    /// <param name="path">The file that is asked for; a link at its end counts as what it leads to.</param>
    /// <param name="source">The file that is shown: root's alone to write, and for everybody to read.</param>
    public void Add(string path, string source)
    {
        PathResolver resolver = new();
        PathBuffer found = new();
        resolver.Resolve(LibC.getpid(), CurrentDirectory, Encoding.UTF8.GetBytes(path), followLast: true, found);
        resolver.Close();
        byte[] resolved = found.Bytes is [(byte)'/', ..] ? found.Bytes.ToArray() : Encoding.UTF8.GetBytes(path);
        _files.Add((resolved, Descriptor.PathBytes(source)));
        _shortest = Math.Min(_shortest, resolved.Length);
        _longest = Math.Max(_longest, resolved.Length);
    }

    /// <summary>The number of the file that is shown in place of this one; -1 where it is shown itself.</summary>
    /// <param name="path">Absolute and without links.</param>
    public int Find(ReadOnlySpan<byte> path)
    {
        if (path.Length < _shortest || path.Length > _longest)
        {
            return -1;
        }

        for (int i = 0; i < _files.Count; i++)
        {
            if (path.SequenceEqual(_files[i].Path))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Opens a file anew, with a position of its own. A descriptor, or -1.</summary>
    /// <param name="number">What <see cref="Find"/> gave.</param>
    public int Open(int number)
    {
        fixed (byte* path = _files[number].Source)
        {
            return LibC.open(path, OpenReadOnly | OpenCloseOnExec, 0);
        }
    }
}
