using Stoker.Core.Errors;
using TinyModel;

try
{
    switch (args)
    {
        case ["random", .. var rest]:
            return RandomCommand.Run(rest, Console.Out);
        case ["gguf", .. var rest]:
            return GgufCommand.Run(rest, Console.Out);
        default:
            Console.Error.WriteLine(RandomCommand.Usage);
            Console.Error.WriteLine(GgufCommand.Usage);
            return 2;
    }
}
catch (StokerException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
