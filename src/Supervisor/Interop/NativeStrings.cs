using System.Runtime.InteropServices;
using System.Text;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>A null-ended array of C strings in native memory, for exec. Never freed: exec or exit follows.</summary>
internal static unsafe class NativeStrings
{
    public static byte** Create(IReadOnlyList<string> values)
    {
        byte** array = (byte**)NativeMemory.Alloc((nuint)(values.Count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < values.Count; i++)
        {
            int length = Encoding.UTF8.GetByteCount(values[i]);
            byte* text = (byte*)NativeMemory.Alloc((nuint)length + 1);
            Encoding.UTF8.GetBytes(values[i], new Span<byte>(text, length));
            text[length] = 0;
            array[i] = text;
        }

        array[values.Count] = null;
        return array;
    }
}
